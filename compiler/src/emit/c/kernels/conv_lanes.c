                size_t v;
                for (v = 0; v < block && c + v < out->channels; v++) {
                    const float sum = @conv_channel(s, image, panel, block, q * out->group + y, x, c + v)%SUM%;
                    to[v] = sum < s->clamp.lo ? s->clamp.lo : sum > s->clamp.hi ? s->clamp.hi : sum;
                }
