// A secret that is the first line of a file, such as one that openssl rand makes. Used where a setting names such a file.
import { FileFault, readRegularFile } from './named-file.ts'

/** More are hardly meant. */
const CHARACTERS_MAX = 256
const FILE_BYTES_MAX = 4096

/** The secret, or what is wrong with the file, to follow the setting's name. `what`: the word for it. */
export function readSecretFile(
  path: string,
  what: string,
  charactersMin: number,
): { secret: string } | { fault: string } {
  let text = ''
  try {
    text = readRegularFile(path, FILE_BYTES_MAX).toString('latin1')
  } catch (error) {
    if (!(error instanceof FileFault)) throw error
    return { fault: `cannot be read: ${error.message}` }
  }
  const secret = text.split('\n')[0].trim()
  const isLong = secret.length >= charactersMin && secret.length <= CHARACTERS_MAX
  if (isLong && /^[\x21-\x7e]*$/.test(secret)) return { secret }
  const fault =
    `has no ${what} in its first line: write ${charactersMin} to ${CHARACTERS_MAX} ASCII characters without ` +
    'spaces, such as those of openssl rand -hex 32'
  return { fault }
}
