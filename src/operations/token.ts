// The token with which a client of the operations endpoint may change something: read from a file at startup, before
// the process gives up its rights. Used by edit-route.ts; made by tracker/tracker.ts. Owns a hash of it.
import { createHash, timingSafeEqual } from 'node:crypto'
import { resolve } from 'node:path'
import { StartError } from '../config/cli.ts'
import { readSecretFile } from '../config/secret-file.ts'

/** Fewer could be guessed. */
const CHARACTERS_MIN = 16

export class Token {
  private readonly hash: Buffer

  constructor(text: string) {
    this.hash = hashOf(text)
  }

  /** `authorization`: the value of that header field. Takes as long whatever is wrong with it. */
  matches(authorization: string): boolean {
    const [, given = ''] = /^Bearer +(\S+)$/i.exec(authorization) ?? []
    return timingSafeEqual(hashOf(given), this.hash)
  }
}

/** The token of [operations] token_path, if it names a file. Throws StartError. */
export function tokenOf(tokenPath: string): Token | null {
  const token = tokenPath === '' ? null : readToken(resolve(tokenPath))
  if (typeof token !== 'string') return token
  throw new StartError(`[operations] token_path '${tokenPath}' ${token}`)
}

/** The token in a file, whose first line it is; or what is wrong with it, to follow the setting's name. */
export function readToken(path: string): Token | string {
  const read = readSecretFile(path, 'token', CHARACTERS_MIN)
  return 'fault' in read ? read.fault : new Token(read.secret)
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
