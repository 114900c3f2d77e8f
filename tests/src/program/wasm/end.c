__attribute__((export_name("place"))) void *place(int index, int which) { return servers[index]->places[which]; }
__attribute__((export_name("length"))) int length(int index, int which) { return servers[index]->lengths[which]; }
__attribute__((export_name("infer"))) void infer(int index) { servers[index]->infer(); }
__attribute__((export_name("depth"))) int depth(void) { return (int)depth_end(); }
