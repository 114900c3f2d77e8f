    panel.extras = extras;
    panel.more = panel.quads + 16 * quads;
    panel.numbers = panel.more + 16 * extras;
