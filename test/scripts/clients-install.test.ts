// The script of the real-client tests installs nothing on a system whose owner has not said that it may.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Checkout } from './checkout.ts'

let checkout: Checkout
beforeAll(() => {
  checkout = new Checkout()
  checkout.command('id', '#!/bin/sh\necho 0\n')
  checkout.command('apt-get', '#!/bin/sh\necho "$*" >> "$CALLS"\nexit 1\n')
  for (const name of ['tr', 'sed', 'grep']) {
    checkout.command(name, `#!/bin/sh\nexec ${Bun.which(name)} "$@"\n`)
  }
})
afterAll(() => checkout.remove())

function run(args: string[], env: Record<string, string> = {}) {
  rmSync(checkout.callsPath(), { force: true })
  // Of the clients, none is there.
  const PATH = `${join(checkout.root, '..', '..', 'commands')}:${checkout.pathWithout()}`
  const { status, stdout, stderr } = checkout.run('scripts/test-clients.sh', args, {
    env: { PATH, ...env },
  })
  const calls = existsSync(checkout.callsPath()) ? readFileSync(checkout.callsPath(), 'utf8') : ''
  expect([status, stdout]).toEqual([1, '0 passed, 1 failed\n'])
  return { calls, stderr }
}

test('without a terminal to ask on, it says what is missing and how to allow it', () => {
  const { calls, stderr } = run(['libtorrent'])
  expect(calls).toBe('')
  expect(stderr).toMatch(/packages are missing, and --install installs them: .*\baria2 /)
})

test.each([
  ['--install', ['libtorrent', '--install'], {}],
  ['the environment of CI', [], { CI: 'true' }],
])('with %s it installs them', (_, args, env) => {
  const { calls, stderr } = run(args, env)
  expect(calls).toBe('update -qq\n')
  expect(stderr).toMatch(/installing .*\baria2 .*apt-get could not install/s)
})
