// Answers a certificate authority that validates this host over plain HTTP (ACME, RFC 8555, 8.3) with files from a folder
// that certbot, lego or tls/acme.ts writes to. Called by handle.ts for paths that are not the tracker's. Owns nothing.
import { statSync } from 'node:fs'
import { readRegularFile } from '../../config/named-file.ts'
import { ascii, isText } from '../../http-head/layout.ts'
import { CHALLENGE_PATH, challengeFile, challengeFolder } from '../../tls/challenge-files.ts'
import type { HttpRequest } from '../wire/request.ts'
import { type FixedAnswer, fixedAnswer } from '../wire/serialize.ts'

const PATH = ascii(CHALLENGE_PATH)
/** The token and the account key's fingerprint take about 90. */
const ANSWER_BYTES_MAX = 1024
const NONE = { throwIfNoEntry: false } as const

export class Challenges {
  private readonly folder: string

  /** `webroot`: the folder below which certbot creates CHALLENGE_PATH. */
  constructor(webroot: string) {
    this.folder = challengeFolder(webroot)
  }

  /** Null if the path is not a challenge's, or there is no such file, or none that an authority could ask for. */
  answer(request: HttpRequest, bytes: Uint8Array): FixedAnswer | null {
    const { targetFrom, targetTo } = request
    const at = targetFrom + PATH.length
    if (at >= targetTo || !isText(bytes, targetFrom, at, PATH)) return null
    const token = Buffer.from(bytes.slice(at, targetTo)).toString('latin1')
    const path = challengeFile(this.folder, token)
    if (path === null) return null
    try {
      // Anybody may ask for tokens that there are not: no exception is made for them, which would cost more than the rest.
      if (statSync(path, NONE) === undefined) return null
      return fixedAnswer('200 OK', readRegularFile(path, ANSWER_BYTES_MAX).toString('latin1'))
    } catch {
      return null
    }
  }
}
