// The secret of the connection ids that several trackers have in common: read at startup, before the process gives up its
// rights, and for --check. Called by main.ts. It goes to the workers and is never logged.
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { StartError } from '../../config/cli.ts'
import { readSecretFile } from '../../config/secret-file.ts'
import { SHARED_SECRET_CHARACTERS_MIN } from '../wire/connection-id.ts'

interface SecretSetting {
  readonly connection_id_secret_path: string
}

/** Null if there is none. Throws StartError. */
export function sharedSecretOf(protocol: SecretSetting): Uint8Array | null {
  const read = readShared(protocol)
  if (read === null) return null
  if ('fault' in read) throw new StartError(read.fault)
  return createHash('sha256').update(`aquatic connection ids\n${read.secret}`).digest()
}

/** What a start would find wrong, for --check. */
export function sharedSecretFaults(protocol: SecretSetting): string[] {
  const read = readShared(protocol)
  return read !== null && 'fault' in read ? [read.fault] : []
}

function readShared({ connection_id_secret_path: path }: SecretSetting) {
  if (path === '') return null
  const read = readSecretFile(resolve(path), 'secret', SHARED_SECRET_CHARACTERS_MIN)
  if ('secret' in read) return read
  return { fault: `[protocol] connection_id_secret_path '${path}' ${read.fault}` }
}
