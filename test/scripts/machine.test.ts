import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Checkout } from './checkout.ts'

const SCRIPT = 'scripts/run-aquatic-udp.sh'

let checkout: Checkout

/** One clear line on stderr, nothing on stdout, exit code 1. */
function expectRefusal(line: string, env: Record<string, string> = {}): void {
  const { stdout, stderr, status } = checkout.run(SCRIPT, [], { env })
  expect(stderr.split('\n').find((text) => text.includes(line))).toStartWith('aquatic: ')
  expect(stdout).toBe('')
  expect(status).toBe(1)
}

describe('a machine that is not supported is refused in one line', () => {
  beforeAll(() => {
    checkout = new Checkout()
  })
  afterAll(() => checkout.remove())
  beforeEach(() => {
    checkout.command('uname', '#!/bin/sh\n[ "$1" = -s ] && echo Linux || echo x86_64\n')
    checkout.command('getconf', '#!/bin/sh\n[ "$1" = LONG_BIT ] && echo 64 || echo glibc 2.36\n')
  })

  test('another system', () => {
    checkout.command('uname', '#!/bin/sh\n[ "$1" = -s ] && echo Darwin || echo arm64\n')
    expectRefusal('only Linux with glibc is supported, this is Darwin')
  })

  test('another processor', () => {
    checkout.command('uname', '#!/bin/sh\n[ "$1" = -s ] && echo Linux || echo riscv64\n')
    expectRefusal('this is riscv64')
  })

  test('another C library', () => {
    checkout.command('getconf', '#!/bin/sh\n[ "$1" = LONG_BIT ] && echo 64 || exit 1\n')
    expectRefusal('another C library')
  })

  test('a 32-bit system', () => {
    checkout.command('getconf', '#!/bin/sh\n[ "$1" = LONG_BIT ] && echo 32 || echo glibc 2.36\n')
    expectRefusal('a 64-bit system is needed')
  })
})

describe('a set-up that cannot work is refused in one line', () => {
  beforeAll(() => {
    checkout = new Checkout()
  })
  afterAll(() => checkout.remove())

  test('without node', () => {
    expectRefusal('Node.js 20 or later is needed', { PATH: checkout.pathWithout('node') })
  })

  test('without npm', () => {
    expectRefusal('no «npm» is in the PATH', { PATH: checkout.pathWithout('npm') })
  })

  test('without flock', () => {
    expectRefusal('flock is needed', { PATH: checkout.pathWithout('flock') })
  })

  test('with an old node', () => {
    checkout.command('node', '#!/bin/sh\necho 18.19.0\n')
    expectRefusal('this is 18.19.0')
    checkout.command('node', '#!/bin/sh\necho 22.1.0\n')
  })

  test('with an old npm', () => {
    checkout.command('npm', '#!/bin/sh\necho 8.19.4\n')
    expectRefusal('this is 8.19.4')
  })

  test('when npm fails', () => {
    checkout.command('npm', '#!/bin/sh\n[ "$1" = --version ] && echo 10.0.0 || exit 1\n')
    expectRefusal('npm ci failed')
  })

  test('and the test command still ends with its closing line', () => {
    const { stdout, status } = checkout.run('scripts/test.sh', [])
    expect(stdout).toBe('0 passed, 1 failed\n')
    expect(status).toBe(1)
  })
})

describe('the instructions of the processor', () => {
  const lib = join(import.meta.dir, '../../scripts/lib.sh')
  const check = (flags: string) => {
    const cpuinfo = join(checkout.root, 'cpuinfo')
    writeFileSync(cpuinfo, `processor : 0\nflags\t\t: ${flags}\n`)
    return spawnSync('sh', ['-c', `. '${lib}'; check_instructions "$1"`, lib, cpuinfo], {
      encoding: 'utf8',
    })
  }
  beforeAll(() => {
    checkout = new Checkout()
  })
  afterAll(() => checkout.remove())

  test('need no AVX', () => {
    expect(check('fpu sse4_1 sse4_2 popcnt').status).toBe(0)
  })

  test.each(['sse4_2', 'popcnt'])('need %s', (missing) => {
    const { status, stderr } = check('fpu sse4_1 sse4_2 popcnt avx'.replace(missing, ''))
    expect(status).toBe(1)
    expect(stderr).toContain(`lacks ${missing}`)
  })
})
