/**
 * A stream of text cut into lines.
 *
 * @module
 */

/** Takes pieces of text, gives lines without their line feeds. */
export class TextLineStream extends TransformStream<string, string> {
  constructor() {
    let rest = "";
    super({
      transform(piece, controller) {
        const parts = (rest + piece).split("\n");
        rest = parts.pop() ?? "";
        for (const part of parts) controller.enqueue(part);
      },
    });
  }
}
