// The secret of the connection ids, which survives a restart so that clients need not connect again. Called by
// swarm-state.ts. The secret goes to the workers and is never logged.
//
//  0:8 «aquatick» │ 8:4 version │ 12:4 second of the monotonic clock, 0 from earlier versions
//  │ 16:16 boot id of the machine │ 32:32 secret │ 64:32 SHA-256 of everything before
//
// Ids carry the second of the monotonic clock, which restarts with the machine. A secret from another boot, or
// from a second still to come, is not used again: at some time, ids issued with it would become valid once
// more.
import { createHash } from 'node:crypto'
import { FileFault, readRegularFile } from '../config/named-file.ts'
import { SnapshotRefused } from './block-reader.ts'
import { type Moment, sameBoot } from './boot.ts'
import { PRIVATE_MODE, replaceFile } from './files.ts'

export const SECRET_BYTES = 32

const MAGIC = 'aquatick'
const VERSION = 1
const VERSION_AT = 8
const MONOTONIC_AT = 12
const BOOT_ID_AT = 16
const SECRET_AT = 32
const SUM_AT = SECRET_AT + SECRET_BYTES
const FILE_BYTES = 96
/** Longer files are read up to here, and refused for their checksum. */
const FILE_BYTES_MAX = 4096

/** The secret in a file; null if there is none, or none that may be used again. */
export function readKey(path: string, now: Moment): Uint8Array | null {
  let bytes: Buffer
  try {
    bytes = readRegularFile(path, FILE_BYTES_MAX)
    if (bytes.length < FILE_BYTES) throw new SnapshotRefused('is too short')
  } catch (error) {
    if (error instanceof FileFault && error.code === 'ENOENT') return null
    throw error
  }
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) throw new SnapshotRefused('is not a key')
  const version = bytes.readUInt32LE(VERSION_AT)
  if (version !== VERSION) {
    throw new SnapshotRefused(`has version ${version}, and this program knows ${VERSION}`)
  }
  const right = bytes.length === FILE_BYTES && sumOf(bytes).equals(bytes.subarray(SUM_AT))
  if (!right) throw new SnapshotRefused('is damaged: its checksum is wrong')
  if (!sameBoot(bytes.subarray(BOOT_ID_AT, SECRET_AT), now.bootId)) return null
  if (bytes.readUInt32LE(MONOTONIC_AT) > now.monotonic) return null
  return Uint8Array.from(bytes.subarray(SECRET_AT, SUM_AT))
}

export async function writeKey(path: string, now: Moment, secret: Uint8Array): Promise<void> {
  const bytes = Buffer.alloc(FILE_BYTES)
  bytes.write(MAGIC, 'latin1')
  bytes.writeUInt32LE(VERSION, VERSION_AT)
  bytes.writeUInt32LE(now.monotonic, MONOTONIC_AT)
  bytes.set(now.bootId, BOOT_ID_AT)
  bytes.set(secret, SECRET_AT)
  bytes.set(sumOf(bytes), SUM_AT)
  await replaceFile(path, PRIVATE_MODE, (write) => write(bytes))
}

function sumOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes.subarray(0, SUM_AT)).digest()
}
