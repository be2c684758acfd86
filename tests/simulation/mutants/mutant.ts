/**
 * A mutant: the core with one fault planted. The fault is a replacement of text that has to be
 * found exactly once, in a copy of the sources; nothing in src knows of it.
 */

/** One replacement. */
export interface Edit {
  /** Relative to the project's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** One planted fault. */
export interface Mutant {
  readonly id: string;
  /** What is wrong in it, in a phrase. */
  readonly what: string;
  readonly edits: readonly Edit[];
  /** Why no run can tell it from the original, where that is so. */
  readonly equivalent?: string;
  /** How many whole storms it may take, where that is more than the usual number. */
  readonly seeds?: number;
}

/** A mutant of one replacement in `src/core`. */
export function core(
  id: string,
  what: string,
  file: string,
  find: string,
  replace: string,
  equivalent?: string,
): Mutant {
  const edits = [{ file: `src/core/${file}`, find, replace }];
  return equivalent === undefined ? { id, what, edits } : { id, what, edits, equivalent };
}

/** A mutant of several replacements. */
export function several(
  id: string,
  what: string,
  edits: readonly (readonly [file: string, find: string, replace: string])[],
  equivalent?: string,
): Mutant {
  const planted = edits.map(([file, find, replace]) => ({ file, find, replace }));
  return equivalent === undefined
    ? { id, what, edits: planted }
    : { id, what, edits: planted, equivalent };
}

/**
 * Applies an edit.
 *
 * @throws where the text is not found exactly once: the sources have changed under the mutant
 */
export function applyEdit(source: string, { file, find, replace }: Edit): string {
  const places = source.split(find).length - 1;
  if (places !== 1) {
    throw new Error(
      `Cannot plant a fault in ${file}: the text must be there once, it is ${places} times: ${find}`,
    );
  }
  return source.replace(find, () => replace);
}
