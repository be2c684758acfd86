/**
 * What is known of each database's functions, and the verdicts that rest on it. Shared by the
 * router's sessions; whichever of them comes first asks its own primary.
 *
 * @module
 */
import { CATALOGUE_QUERY, type CatalogueRow, createCatalogue } from "../../sql/catalogue.ts";
import { type Classifier, createClassifier } from "../../sql/classify.ts";
import type { Parser } from "../../sql/parser.ts";
import type { Told } from "./side.ts";

/** The classifiers of one router. */
export interface Classifiers {
  /**
   * The classifier for a database. A first one, and a new one where the present one is old, is made
   * of what `query` gives; meanwhile others go on with the old one.
   *
   * @returns null where the functions could not be asked for
   */
  find(
    database: string,
    query: ((text: string) => Promise<Told | null>) | null,
  ): Promise<Classifier | null>;
  /** The classifier for a database where it is believed for now; null where {@linkcode find} must see. */
  present(database: string): Classifier | null;
  /** Functions changed there: before long a session asks again. */
  forget(database: string): void;
}

/** A function made elsewhere is known after this long at the latest. */
const BELIEVED_MS = 60_000;
/** How long what is known is believed after functions changed. */
const RESTLESS_MS = 1000;
const VERDICT_BYTES = 8_388_608;
const MAXIMUM_DATABASES = 64;

/** Makes a router's classifiers. @param now a monotonic clock, in milliseconds */
export function createClassifiers(parser: Parser, now: () => number): Classifiers {
  const known = new Map<string, { readonly classifier: Classifier; untilMs: number }>();
  const loading = new Map<string, Promise<Classifier | null>>();

  async function load(
    database: string,
    query: (text: string) => Promise<Told | null>,
  ): Promise<Classifier | null> {
    const told = await query(CATALOGUE_QUERY);
    if (told === null || told.error !== null) return null;
    const functions: CatalogueRow[] = [];
    const operators: string[] = [];
    for (const [kind, name, isVolatile, userDefined, userVolatile] of told.rows) {
      if (name === null || name === undefined) continue;
      if (kind === "o") operators.push(name);
      else {
        functions.push({
          name,
          volatile: isVolatile === "t",
          userDefined: userDefined === "t",
          userVolatile: userVolatile === "t",
        });
      }
    }
    const catalogue = createCatalogue(functions, operators);
    const classifier = createClassifier({ parser, catalogue, maximumBytes: VERDICT_BYTES });
    if (known.size >= MAXIMUM_DATABASES) known.clear();
    known.set(database, { classifier, untilMs: now() + BELIEVED_MS });
    return classifier;
  }

  return {
    async find(database, query) {
      const present = known.get(database);
      if (present !== undefined && (now() < present.untilMs || query === null)) {
        return present.classifier;
      }
      const underWay = loading.get(database);
      if (underWay !== undefined) {
        const classifier = present?.classifier ?? await underWay;
        // Whoever asked had bad luck; perhaps this session has better.
        if (classifier !== null || query === null) return classifier;
      }
      if (query === null) return null;
      const started = load(database, query).finally(() => {
        if (loading.get(database) === started) loading.delete(database);
      });
      loading.set(database, started);
      return await started ?? present?.classifier ?? null;
    },
    present(database) {
      const present = known.get(database);
      return present !== undefined && now() < present.untilMs ? present.classifier : null;
    },
    forget(database) {
      const present = known.get(database);
      // Not at once: whoever makes one function often makes a thousand, and new names are unknown anyway.
      if (present !== undefined) present.untilMs = Math.min(present.untilMs, now() + RESTLESS_MS);
    },
  };
}
