/* What follows the clamping of values: an activation of another kind, then what each channel has of its own. */
typedef struct {
%FIELDS%} @pass;

