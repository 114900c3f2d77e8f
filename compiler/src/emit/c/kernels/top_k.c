
static int @above(@@OUTPUT_TYPE a, @@OUTPUT_TYPE b)
{
    return a > b || (a == a && b != b);
}

void @top_k(const @@OUTPUT_TYPE *output, int classes[@@TOP_K])
{
    int count = 0;
    int i;
    for (i = 0; i < @@CLASSES; i++) {
        int place = count;
        int k;
        while (place > 0 && @above(output[i], output[classes[place - 1]])) {
            place--;
        }
        if (place == @@TOP_K) {
            continue;
        }
        count += count < @@TOP_K;
        for (k = count - 1; k > place; k--) {
            classes[k] = classes[k - 1];
        }
        classes[place] = i;
    }
}
