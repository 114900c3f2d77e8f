
static const char *const @labels[@@CLASSES] = {
%LABELS%
};

const char *@label(int i)
{
    return i >= 0 && i < @@CLASSES ? @labels[i] : NULL;
}
