// Answers a certificate authority that validates this host over plain HTTP (ACME, RFC 8555, 8.3) with files from a folder
// that certbot, lego or tls/acme.ts writes to. Called by handle.ts for paths that are not the tracker's. Owns nothing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ascii, isText } from '../wire/layout.ts'
import type { HttpRequest } from '../wire/request.ts'
import { type FixedAnswer, fixedAnswer } from '../wire/serialize.ts'

export const CHALLENGE_PATH = '/.well-known/acme-challenge/'
const PATH = ascii(CHALLENGE_PATH)
/** The form of the authorities' tokens, which cannot lead out of the folder. */
const TOKEN = /^[A-Za-z0-9_-]{8,200}$/
/** The token and the account key's fingerprint take about 90. */
const ANSWER_BYTES_MAX = 1024

export class Challenges {
  private readonly folder: string

  /** `webroot`: the folder below which certbot creates CHALLENGE_PATH. */
  constructor(webroot: string) {
    this.folder = join(webroot, CHALLENGE_PATH)
  }

  /** Null if the path is not a challenge's, or there is no such file. */
  answer(request: HttpRequest, bytes: Uint8Array): FixedAnswer | null {
    const { targetFrom, targetTo } = request
    const at = targetFrom + PATH.length
    if (at >= targetTo || !isText(bytes, targetFrom, at, PATH)) return null
    const token = Buffer.from(bytes.slice(at, targetTo)).toString('latin1')
    if (!TOKEN.test(token)) return null
    try {
      const text = readFileSync(join(this.folder, token), 'latin1')
      return text.length > ANSWER_BYTES_MAX ? null : fixedAnswer('200 OK', text)
    } catch {
      return null
    }
  }
}
