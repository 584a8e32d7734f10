/**
 * Tells a story on a stream, in colours where it is a terminal and NO_COLOR does not object.
 * @param {NodeJS.WriteStream} stream
 */
export function createNarrator(stream) {
  const isColoured = stream.isTTY === true && !process.env.NO_COLOR;
  const paint = (/** @type {number} */ code, /** @type {string} */ text) =>
    isColoured ? `\u001b[${code}m${text}\u001b[0m` : text;
  let number = 0;
  return {
    /** @param {string} text a new part of the story */
    step(text) {
      number++;
      stream.write(`\n${paint(1, `${number}. ${text}`)}\n`);
    },
    /** @param {string} text */
    line(text) {
      stream.write(`   ${text}\n`);
    },
    /**
     * @param {string} name
     * @param {string} text
     */
    fact(name, text) {
      stream.write(`   ${paint(36, name.padEnd(13))}${text}\n`);
    },
    /** @param {string} text something that went as it should */
    good(text) {
      stream.write(`   ${paint(32, text)}\n`);
    },
  };
}
