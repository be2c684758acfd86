/**
 * Describes the API as an OpenAPI 3.1 document, made from the schemas that its bodies are checked
 * with. What is there stands in tables of routes; a test compares them with the app's own.
 *
 * @module
 */
import { z } from "zod";

/** Who may call: anybody, readers (see readers.ts), operators, or members. */
export type ApiAudience = "anybody" | "readers" | "operators" | "members";

/** A body: JSON that has a schema, or something else. */
export type ApiBody =
  | { readonly name: string; readonly schema: z.ZodType }
  | { readonly type: string; readonly description: string };

/** One route; errors that every route may have are added to it. */
export interface ApiRoute {
  readonly method: "get" | "options" | "post";
  readonly path: string;
  readonly summary: string;
  readonly audience: ApiAudience;
  readonly query?: Readonly<
    Record<string, { readonly description: string; readonly schema: z.ZodType }>
  >;
  readonly request?: ApiBody;
  /** What is answered, by HTTP status; a null body is none. */
  readonly answers: Readonly<
    Record<number, { readonly when: string; readonly body: ApiBody | null }>
  >;
}

/** A value of JSON. */
type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

const errorSchema = z.object({ error: z.string(), remedy: z.string() });

/** Puts the document together. @param version metako's */
export function describeApi(routes: readonly ApiRoute[], version: string): Json {
  const schemas = new Map<string, Json>([["Error", jsonSchema(errorSchema)]]);
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method] = operation(route, schemas);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "metako",
      version,
      license: { name: "MIT", identifier: "MIT" },
      description:
        "What each agent answers on its api_port. Keys are in snake case, units are last, " +
        "and null is what is not known. Readers ignore keys that they do not know.",
    },
    paths,
    components: {
      schemas: Object.fromEntries([...schemas].sort(([a], [b]) => a < b ? -1 : 1)),
      responses: errorResponses(),
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

/** An audience's ways to prove itself; an empty requirement is none. */
const SECURITY: Readonly<Record<ApiAudience, Json>> = {
  anybody: [],
  readers: [{}, { readToken: [] }, { operatorSignature: [] }, { memberSignature: [] }],
  operators: [{ operatorSignature: [] }],
  members: [{ memberSignature: [] }],
};

const SIGNED =
  "HMAC-SHA-256 over method, path, sender, recipient, boot id, counter, challenge and the body's " +
  "hash, which travel in the headers metako-sender, -recipient, -boot, -counter, -challenge and " +
  "-body-sha256; the key is derived from security.cluster_secret with HKDF. The first request of a " +
  "process is answered 409 with the challenge to sign. The answer is signed likewise, a streamed one " +
  "line by line.";

const SECURITY_SCHEMES: Json = {
  operatorSignature: {
    type: "apiKey",
    in: "header",
    name: "metako-signature",
    description: `An operator's, as the command line and the dashboard make it. ${SIGNED}`,
  },
  readToken: {
    type: "http",
    scheme: "bearer",
    description: "security.read_token. Needed, where there is no signature, from hosts to which " +
      "security.pages_open_to does not open the pages.",
  },
  memberSignature: {
    type: "apiKey",
    in: "header",
    name: "metako-signature",
    description: `A member's. ${SIGNED}`,
  },
};

function operation(route: ApiRoute, schemas: Map<string, Json>): Json {
  const { summary, audience, query, request, answers } = route;
  const responses = Object.entries(answers).map(([status, answer]) => [
    status,
    {
      description: answer.when,
      ...(answer.body === null ? {} : { content: content(answer.body, schemas) }),
    },
  ]);
  return {
    summary,
    tags: [audience],
    security: SECURITY[audience],
    ...(query === undefined ? {} : { parameters: parameters(query) }),
    ...(request === undefined
      ? {}
      : { requestBody: { required: true, content: content(request, schemas) } }),
    responses: { ...Object.fromEntries(responses), ...errorsOf(route) },
  };
}

/** Errors by their HTTP status. */
const ERRORS: Readonly<Record<number, string>> = {
  400: "What was sent is malformed.",
  401: "A signature or a token is needed, or does not fit.",
  403: "The sender may not ask for this.",
  409: "Sign again, with the challenge in metako-challenge.",
  421: "The request is meant for another node.",
  429: "Too many requests without a signature, or too many refused ones.",
};

function errorsOf({ audience, query, request }: ApiRoute): Readonly<Record<string, Json>> {
  const isCommand = audience === "operators" || audience === "members";
  const possible = [
    ...(request === undefined && query === undefined ? [] : [400]),
    ...(audience === "anybody" ? [] : [401]),
    ...(isCommand ? [403] : []),
    ...(audience === "anybody" ? [] : [409, 421]),
    429,
  ];
  return Object.fromEntries(
    possible.map((status) => [status, { $ref: `#/components/responses/${status}` }]),
  );
}

/** The errors, once for all routes. */
function errorResponses(): Json {
  const content = { "application/json": { schema: { $ref: "#/components/schemas/Error" } } };
  return Object.fromEntries(
    Object.entries(ERRORS).map(([status, description]) => [status, { description, content }]),
  );
}

function parameters(query: NonNullable<ApiRoute["query"]>): Json {
  return Object.entries(query).map(([name, { description, schema }]) => ({
    name,
    in: "query",
    required: false,
    description,
    schema: jsonSchema(schema),
  }));
}

function content(body: ApiBody, schemas: Map<string, Json>): Json {
  if ("type" in body) {
    return { [body.type]: { schema: { type: "string", description: body.description } } };
  }
  if (!schemas.has(body.name)) schemas.set(body.name, jsonSchema(body.schema));
  return { "application/json": { schema: { $ref: `#/components/schemas/${body.name}` } } };
}

/** As it travels: an LSN is text there. */
function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input", reused: "inline" });
  return rest as Json;
}
