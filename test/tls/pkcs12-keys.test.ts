import { describe, expect, test } from 'bun:test'
import forge from 'node-forge'
import { deriveKey, stretchPassword } from '../../src/tls/pkcs12-keys.ts'

const PASSWORDS = ['', 'smeg', 'pass word \u00e9', 'x'.repeat(200)]
const SIZES = [1, 8, 20, 24, 32, 64, 65, 130]
const ALGORITHMS = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const

// The values are those of OpenSSL's and BoringSSL's tests.
test.each([
  [1, '8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3'],
  [2, '79993dfe048d3b76'],
])('the known key for purpose %i is derived', (purpose, hex) => {
  const salt = Buffer.from('0a58cf64530d823f', 'hex')
  const size = hex.length / 2
  const request = { password: 'smeg', salt, purpose, rounds: 1, size, algorithm: 'sha1' }
  expect(deriveKey(request).toString('hex')).toBe(hex)
})

// This file imports the library alone, whose functions pkcs12.ts replaces.
describe.each(ALGORITHMS)('with %s', (algorithm) => {
  test('keys are those that the library derives', () => {
    const derive = (
      forge.pkcs12 as unknown as { generateKey(...args: unknown[]): forge.util.ByteBuffer }
    ).generateKey
    for (const password of PASSWORDS) {
      for (const size of SIZES) {
        for (const saltSize of [0, 8, 64, 100]) {
          const salt = Buffer.from(Array.from({ length: saltSize }, (_, i) => (i * 37) & 255))
          const digest = forge.md[algorithm].create()
          const theirs = derive(
            password,
            forge.util.createBuffer(salt.toString('latin1')),
            3,
            3,
            size,
            digest,
          )
          const ours = deriveKey({ password, salt, purpose: 3, rounds: 3, size, algorithm })
          expect(ours.toString('hex')).toBe(theirs.toHex())
        }
      }
    }
  })

  test('passwords are stretched as the library does', () => {
    for (const password of PASSWORDS) {
      for (const size of SIZES) {
        const secret = Buffer.from(password, 'utf8')
        const digest = forge.md[algorithm].create()
        const theirs = forge.pkcs5.pbkdf2(secret.toString('latin1'), 'salt', 3, size, digest)
        const salt = Buffer.from('salt')
        const ours = stretchPassword({ secret, salt, rounds: 3, size, algorithm })
        expect(ours.toString('hex')).toBe(forge.util.bytesToHex(theirs))
      }
    }
  })
})
