/* Included into the emitted code: notes when its steps begin and end. */
void net_profile_begin(int step);
void net_profile_end(int step);
#define NET_STAGE_BEGIN(step) net_profile_begin(step)
#define NET_STAGE_END(step) net_profile_end(step)
