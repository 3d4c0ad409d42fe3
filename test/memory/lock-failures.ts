// A program of the tests beside it: a holder of a lock fails, and the code around it catches that, as if by
// accident. Usage: bun lock-failures.ts throws|hangs
import { lock, lockContended, underLock } from '../../src/memory/lock.ts'

const SLEEPS = 3

const words = new Int32Array(new SharedArrayBuffer(64))
try {
  if (process.argv[2] === 'throws') {
    underLock(words, 0, () => {
      throw new Error('a bug of the holder')
    })
  } else {
    lock(words, 0)
    lockContended(words, 0, SLEEPS)
  }
} catch {
  process.stdout.write('caught')
}
process.stdout.write('goes on')
