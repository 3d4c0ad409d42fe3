// Where the response to a challenge by HTTP (ACME, RFC 8555, 8.3) is: as URL and as file, by its token. Used by acme.ts,
// which writes such files, and by the workers that serve them (http/worker/challenges.ts). Owns nothing.
import { join } from 'node:path'

export const CHALLENGE_PATH = '/.well-known/acme-challenge/'
/** The form of the authorities' tokens, which cannot lead out of the folder. */
const TOKEN = /^[A-Za-z0-9_-]{8,200}$/

/** Below `webroot`, as programs such as certbot have it. */
export function challengeFolder(webroot: string): string {
  return join(webroot, CHALLENGE_PATH)
}

/** Null if the token is not one. */
export function challengeFile(folder: string, token: string): string | null {
  return TOKEN.test(token) ? join(folder, token) : null
}
