// Asks a person before something is changed. Called by apply.ts and revert.ts.
import { readSync } from 'node:fs'
import { writeStdout } from '../../src/config/output.ts'

const STDIN = 0
const ANSWER_BYTES_MAX = 64

/** Only «y» and «yes» are a yes: not silence, and not the end of the input. */
export function isAgreed(question: string): boolean {
  writeStdout(`${question} [y/N] `)
  return /^y(es)?$/i.test(answer().trim())
}

function answer(): string {
  const buffer = Buffer.alloc(ANSWER_BYTES_MAX)
  let length = 0
  while (length < buffer.length) {
    let got: number
    try {
      got = readSync(STDIN, buffer, length, 1, null)
    } catch {
      break
    }
    if (got === 0 || buffer[length] === 10) break
    length++
  }
  return buffer.toString('latin1', 0, length)
}
