// Tokens for clients of the public port, as docs/tokens.md has them. In: a key, and what a user may
// do. Out: a signed JSON web token. What every server would refuse is refused here, where a
// backend's log shows it; a key is never shown in an error.

import { type KeyObject, constants, createHmac, createPrivateKey, sign } from "node:crypto";
import { Clock } from "../clock.js";
import { SteadfastError } from "../errors.js";
import { isChannelName, utf8Length } from "../protocol/name.js";

/** The longest token that a server takes, in bytes. */
const TOKEN_MAX = 8192;
/** The most entries of one list. */
const GRANTS_MAX = 256;
/** The longest name of a user and the like, in bytes. */
const NAME_MAX = 255;
/** The least bytes of a secret. */
const SECRET_MIN = { HS256: 32, HS384: 48, HS512: 64 } as const;

/** For a private key: its kind, and its curve. */
const PRIVATE = {
  RS256: ["rsa", undefined],
  RS384: ["rsa", undefined],
  RS512: ["rsa", undefined],
  PS256: ["rsa", undefined],
  ES256: ["ec", "prime256v1"],
  ES384: ["ec", "secp384r1"],
  EdDSA: ["ed25519", undefined],
} as const;

/** How a token is signed. */
export type Algorithm = keyof typeof SECRET_MIN | keyof typeof PRIVATE;

/** What a token says. Grants are channels, `prefix:*` or `*`. */
export interface TokenOptions {
  /** The user: give one to every user, since links and idempotency keys belong to it. */
  readonly sub?: string;
  readonly subscribe?: readonly string[];
  readonly publish?: readonly string[];
  readonly presence?: readonly string[];
  /** How long it lives, in seconds; at least 1. Default 900. */
  readonly ttlSeconds?: number;
  /** Default `HS256`. */
  readonly algorithm?: Algorithm;
  /** Which of the server's keys this is. */
  readonly kid?: string;
  readonly jti?: string;
  readonly issuer?: string;
  readonly audience?: string;
}

/**
 * Makes a token. `key` is the text of `auth.hs256_key_file`, or a private key as PEM for the other
 * algorithms. Throws a `SteadfastError` of code `bad_token`.
 */
export function makeToken(key: string, options: TokenOptions = {}): string {
  const { sub, jti, issuer: iss, audience: aud, ttlSeconds = 900, algorithm = "HS256" } = options;
  if (!(ttlSeconds >= 1 && ttlSeconds < Infinity)) {
    throw bad(`a token lives for 1 s at least, not ${ttlSeconds}`);
  }
  const now = new Clock().wall() / 1000;
  const claims: Record<string, unknown> = {
    iat: Math.floor(now),
    exp: Math.ceil(now + ttlSeconds),
  };
  for (const [name, text] of Object.entries({ sub, jti, iss, aud })) {
    if (text !== undefined) claims[name] = nameOf(name, text);
  }
  for (const name of ["subscribe", "publish", "presence"] as const) {
    const grants = grantsOf(name, options[name] ?? []);
    if (grants.length) claims[name] = grants;
  }
  const head = { alg: algorithm, typ: "JWT", kid: options.kid };
  const text = [head, claims].map((part) => encoded(JSON.stringify(part))).join(".");
  const token = `${text}.${signature(algorithm, key, text)}`;
  if (token.length > TOKEN_MAX) {
    throw bad(`a token has at most ${TOKEN_MAX} bytes, this one ${token.length}`);
  }
  return token;
}

function signature(algorithm: Algorithm, key: string, text: string): string {
  const hash = `sha${algorithm.slice(2)}`;
  if (algorithm in SECRET_MIN) {
    const secret = secretOf(algorithm as keyof typeof SECRET_MIN, key);
    return createHmac(hash, secret).update(text).digest("base64url");
  }
  if (!Object.hasOwn(PRIVATE, algorithm)) {
    const all = [...Object.keys(SECRET_MIN), ...Object.keys(PRIVATE)].join(", ");
    throw bad(`the algorithm is none of ${all}`);
  }
  const own = privateKey(algorithm as keyof typeof PRIVATE, key);
  const digest = algorithm === "EdDSA" ? null : hash;
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const options = { key: own, dsaEncoding: "ieee-p1363" as const };
  const more = algorithm === "PS256" ? { ...options, ...pss } : options;
  return sign(digest, Buffer.from(text), more).toString("base64url");
}

/** A file's line end, and the mark that some editors add, are no part of the secret. */
function secretOf(algorithm: keyof typeof SECRET_MIN, key: string): string {
  const secret = key.replace(/^\uFEFF/, "").replace(/\r?\n$/, "");
  const least = SECRET_MIN[algorithm];
  if (secret.includes("-----BEGIN")) {
    throw bad(`the key is a PEM file, and ${algorithm} takes a secret`);
  }
  if (utf8Length(secret) < least) {
    throw bad(`a secret for ${algorithm} has ${least} bytes at least`);
  }
  return secret;
}

function privateKey(algorithm: keyof typeof PRIVATE, key: string): KeyObject {
  const [kind, curve] = PRIVATE[algorithm];
  let own: KeyObject | undefined;
  try {
    own = createPrivateKey(key);
  } catch {
    // The text of the error may quote the key.
  }
  const isCurve = curve === undefined || own?.asymmetricKeyDetails?.namedCurve === curve;
  if (!own || own.asymmetricKeyType !== kind || !isCurve) {
    throw bad(`the key does not fit ${algorithm}: it wants a private key as PEM`);
  }
  return own;
}

function nameOf(claim: string, text: string): string {
  if (/[\0-\x1f\x7f-\x9f]/.test(text) || !text || utf8Length(text) > NAME_MAX) {
    throw bad(`\`${claim}\` has 1 to ${NAME_MAX} bytes without control characters`);
  }
  return text;
}

function grantsOf(claim: string, grants: readonly string[]): readonly string[] {
  if (!Array.isArray(grants)) throw bad(`\`${claim}\` is a list of channels, not one text`);
  if (grants.length > GRANTS_MAX) {
    throw bad(`\`${claim}\` has at most ${GRANTS_MAX} entries, not ${grants.length}`);
  }
  for (const grant of grants as readonly string[]) {
    const isPrefix = grant.endsWith(":*") && isChannelName(grant.slice(0, -2));
    if (grant === "*" || isPrefix || isChannelName(grant)) continue;
    throw bad(`\`${claim}\`: ${JSON.stringify(grant)} is no channel, and no prefix like a:*`);
  }
  return grants;
}

const encoded = (text: string): string => Buffer.from(text).toString("base64url");

const bad = (text: string): SteadfastError => new SteadfastError("bad_token", text);
