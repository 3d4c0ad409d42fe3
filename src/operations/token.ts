// The token with which a client of the operations endpoint may change something: read from a file at startup, before
// the process gives up its rights. Used by edit-route.ts; made by tracker/tracker.ts. Owns a hash of it.
import { createHash, timingSafeEqual } from 'node:crypto'
import { resolve } from 'node:path'
import { StartError } from '../config/cli.ts'
import { FileFault, readRegularFile } from '../config/named-file.ts'

/** Fewer could be guessed; more are hardly meant. */
const CHARACTERS_MIN = 16
const CHARACTERS_MAX = 256
const FILE_BYTES_MAX = 4096

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
  let text = ''
  try {
    text = readRegularFile(path, FILE_BYTES_MAX).toString('latin1')
  } catch (error) {
    if (!(error instanceof FileFault)) throw error
    return `cannot be read: ${error.message}`
  }
  const token = text.split('\n')[0].trim()
  if (
    /^[\x21-\x7e]*$/.test(token) &&
    token.length >= CHARACTERS_MIN &&
    token.length <= CHARACTERS_MAX
  ) {
    return new Token(token)
  }
  return (
    `has no token in its first line: write ${CHARACTERS_MIN} to ${CHARACTERS_MAX} ASCII characters without ` +
    'spaces, such as those of openssl rand -hex 32'
  )
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
