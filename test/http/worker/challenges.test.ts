// Files for a certificate authority: what is read of them, and what is not.
import { expect, test } from 'bun:test'
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HttpRequest } from '../../../src/http/wire/request.ts'
import { Challenges } from '../../../src/http/worker/challenges.ts'
import { challengeFolder } from '../../../src/tls/challenge-files.ts'
import { inFolder } from '../../support/folder.ts'

const MEBIBYTE = 2 ** 20

/** What this process has read, of all files. */
function bytesRead(): number {
  return Number(/^rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'latin1'))?.[1])
}

function ask(challenges: Challenges, token: string): string | null {
  const bytes = Buffer.from(`/.well-known/acme-challenge/${token}`)
  const request = new HttpRequest()
  request.targetFrom = 0
  request.targetTo = bytes.length
  const answer = challenges.answer(request, bytes)
  return answer === null ? null : Buffer.from(answer.body).toString()
}

test('a file is served up to 1,024 bytes; of a longer one no more is read', () =>
  inFolder((webroot) => {
    const folder = challengeFolder(webroot)
    mkdirSync(folder, { recursive: true })
    const challenges = new Challenges(webroot)
    writeFileSync(join(folder, 'of-the-authority'), 'token.fingerprint')
    writeFileSync(join(folder, 'the-longest'), 'x'.repeat(1024))
    writeFileSync(join(folder, 'one-byte-more'), 'x'.repeat(1025))
    writeFileSync(join(folder, 'very-long'), '')
    truncateSync(join(folder, 'very-long'), 64 * MEBIBYTE)
    expect(ask(challenges, 'of-the-authority')).toBe('token.fingerprint')
    expect(ask(challenges, 'the-longest')).toBe('x'.repeat(1024))
    expect(ask(challenges, 'one-byte-more')).toBeNull()
    expect(ask(challenges, 'there-is-none')).toBeNull()
    const before = bytesRead()
    expect(ask(challenges, 'very-long')).toBeNull()
    expect(bytesRead() - before).toBeLessThan(MEBIBYTE)
  }))
