// Keys from passwords, as PKCS#12 files want them, by the platform's hash functions. Called by pkcs12.ts
// in place of the library's own code, which takes forty times as long.
import { pbkdf2Sync } from 'node:crypto'

/** Bytes that a hash takes at a time: of SHA-1, MD5 and SHA-256, and of the two that count in 64 bits. */
const BLOCK_BYTES = 64
const LONG_BLOCK_BYTES = 128
const LONG_BLOCKS: ReadonlySet<string> = new Set(['sha384', 'sha512'])

export interface DeriveRequest {
  readonly password: string
  readonly salt: Uint8Array
  /** 1 a key, 2 an initialisation vector, 3 the key of the password's check. */
  readonly purpose: number
  readonly rounds: number
  /** Bytes wanted. */
  readonly size: number
  /** Of the hash, such as sha256. */
  readonly algorithm: string
}

export interface StretchRequest extends Omit<DeriveRequest, 'password' | 'purpose'> {
  readonly secret: Uint8Array
}

/** PBKDF2, for newer encryption (RFC 8018, 5.2). */
export function stretchPassword(request: StretchRequest): Buffer {
  const { secret, salt, rounds, size, algorithm } = request
  return pbkdf2Sync(secret, salt, rounds, size, algorithm)
}

/** PKCS#12's own (RFC 7292, appendix B.2): for the password's check and older encryption. */
export function deriveKey(request: DeriveRequest): Buffer {
  const { password, salt, purpose, rounds, size, algorithm } = request
  const blockBytes = LONG_BLOCKS.has(algorithm) ? LONG_BLOCK_BYTES : BLOCK_BYTES
  const diversifier = Buffer.alloc(blockBytes, purpose)
  const input = Buffer.concat([
    repeated(salt, blockBytes),
    repeated(bigEndianText(password), blockBytes),
  ])
  const parts: Buffer[] = []
  for (let have = 0; have < size; ) {
    const part = hashedAgain(algorithm, Buffer.concat([diversifier, input]), rounds)
    parts.push(part)
    have += part.length
    addToBlocks(input, part, blockBytes)
  }
  return Buffer.concat(parts).subarray(0, size)
}

function hashedAgain(algorithm: string, input: Buffer, rounds: number): Buffer {
  const name = algorithm as Bun.SupportedCryptoAlgorithms
  const hash = Bun.CryptoHasher.hash(name, input)
  // In place: a million rounds then leave no garbage.
  for (let round = 1; round < rounds; round++) Bun.CryptoHasher.hash(name, hash, hash)
  return hash
}

/** In UTF-16, with a zero at the end. */
function bigEndianText(text: string): Buffer {
  return Buffer.from(`${text}\u0000`, 'utf16le').swap16()
}

/** Repeated to fill whole blocks; empty stays empty. */
function repeated(bytes: Uint8Array, blockBytes: number): Buffer {
  const size = Math.ceil(bytes.length / blockBytes) * blockBytes
  return size === 0 ? Buffer.alloc(0) : Buffer.alloc(size, bytes)
}

/** Adds `part`, repeated to fill a block, and one to each block of `input`, as a number modulo 2^n. */
function addToBlocks(input: Buffer, part: Buffer, blockBytes: number): void {
  const addend = Buffer.alloc(blockBytes, part)
  for (let block = 0; block < input.length; block += blockBytes) {
    let carry = 1
    for (let at = blockBytes - 1; at >= 0; at--) {
      const sum = input[block + at] + addend[at] + carry
      input[block + at] = sum
      carry = sum >> 8
    }
  }
}
