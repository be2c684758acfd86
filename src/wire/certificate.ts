/**
 * The one thing that channel binding needs to know of a certificate: with which hash it was signed
 * (RFC 5929, "tls-server-end-point").
 *
 * @module
 */

/** The hash for the binding. */
export type BindingHash = "sha256" | "sha384" | "sha512";

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;

/** By object identifier, in hexadecimal. Weaker hashes than SHA-256 are replaced by it. */
const HASH_OF: Readonly<Record<string, BindingHash>> = {
  // RSA with MD5, SHA-1, SHA-256, SHA-384, SHA-512.
  "2a864886f70d010104": "sha256",
  "2a864886f70d010105": "sha256",
  "2a864886f70d01010b": "sha256",
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
  // ECDSA with SHA-1, SHA-256, SHA-384, SHA-512.
  "2a8648ce3d0401": "sha256",
  "2a8648ce3d040302": "sha256",
  "2a8648ce3d040303": "sha384",
  "2a8648ce3d040304": "sha512",
};

/**
 * Reads a certificate's signature algorithm.
 *
 * @param der the certificate in its binary form
 * @returns null where it is no certificate, or signed in a way that has no one hash (Ed25519,
 * RSA-PSS), and then there is no channel binding
 */
export function bindingHashOf(der: Uint8Array): BindingHash | null {
  const certificate = readElement(der, 0, SEQUENCE);
  const body = certificate && readElement(der, certificate.from, SEQUENCE);
  const algorithm = body && readElement(der, body.to, SEQUENCE);
  const identifier = algorithm && readElement(der, algorithm.from, OBJECT_IDENTIFIER);
  if (!identifier) return null;
  const bytes = der.subarray(identifier.from, identifier.to);
  const name = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return Object.hasOwn(HASH_OF, name) ? HASH_OF[name]! : null;
}

/** Where an element's content begins and ends; null where there is none of this kind. */
function readElement(
  der: Uint8Array,
  at: number,
  tag: number,
): { readonly from: number; readonly to: number } | null {
  const first = der[at + 1];
  if (der[at] !== tag || first === undefined) return null;
  if (first < 0x80) {
    return at + 2 + first <= der.length ? { from: at + 2, to: at + 2 + first } : null;
  }
  const count = first & 0x7f;
  if (count < 1 || count > 3 || at + 2 + count > der.length) return null;
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + der[at + 2 + i]!;
  const from = at + 2 + count;
  return from + length <= der.length ? { from, to: from + length } : null;
}
