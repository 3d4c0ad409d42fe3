// Starts where the system does not allow generated code, or offers too few addresses.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { EXECUTABLE, listenOn, runTracker, WS_EXECUTABLE } from '../support/tracker.ts'

setDefaultTimeout(180_000)

const CAUSE = 'the system does not let it generate code, which it needs: '
const GIB = 2 ** 30

/** One line, and exit code 1. */
async function lineOf(executable: string, options: { prefix?: string[]; env?: object }) {
  const { code, stderr } = await runTracker({ executable, ...options, env: { ...options.env } })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^aquatic_(udp|ws): [^\n]+\n$/)
  return stderr
}

describe.each([EXECUTABLE, WS_EXECUTABLE])(
  '%s says in one line what is in its way:',
  (executable) => {
    test.each([
      ['--as', 'the limit on address space (ulimit -v, LimitAS) is 1.07 GB; raise it'],
      ['--data', 'the limit on data (ulimit -d, LimitDATA) is 1.07 GB; raise it'],
    ])('prlimit %s', async (option, cause) => {
      const line = await lineOf(executable, { prefix: ['prlimit', `${option}=${GIB}`] })
      expect(line).toContain(`${CAUSE}${cause}`)
    })

    test('code that may not be generated', async () => {
      const line = await lineOf(executable, { env: { BUN_JSC_useJIT: '0' } })
      expect(line).toContain(`${CAUSE}memory may not be both written and executed; remove Memory`)
    })

    test('too few addresses for the limits of the settings', async () => {
      const settings = `${listenOn('127.0.0.1:0')}[limits]\nmax_peers = 60000000\nmax_torrents = 1000\n`
      const prefix = ['prlimit', `--as=${3 * GIB}`]
      const { code, stderr } = await runTracker({ executable, prefix, settings })
      expect(code).toBe(1)
      expect(stderr).toMatch(
        /^aquatic_\w+: the system refuses to reserve .* lower them, or allow more [^\n]*\n$/,
      )
    })
  },
)
