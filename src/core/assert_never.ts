/**
 * The end of every `switch` over a union.
 *
 * @module
 */

/**
 * Does not compile where a case is missing.
 *
 * @throws {TypeError} where a value from outside slipped past the types
 */
export function assertNever(value: never): never {
  throw new TypeError(`Unexpected value: ${JSON.stringify(value)}`);
}
