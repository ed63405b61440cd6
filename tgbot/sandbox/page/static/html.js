// htm bound to preact: html`<${Component} …/>`.
import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);
