import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { Checkout } from './checkout.ts'

const SCRIPT = 'scripts/run-aquatic-udp.sh'

let checkout: Checkout
beforeAll(() => {
  checkout = new Checkout()
})
afterAll(() => checkout.remove())

function npmCalls(): number {
  return readFileSync(checkout.callsPath(), 'utf8').split('\n').length - 1
}

function runConcurrently(count: number): Promise<string[]> {
  const env = { PATH: checkout.path(), CALLS: checkout.callsPath() }
  const one = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const child = spawn(join(checkout.root, SCRIPT), { env, stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      child.stdout.on('data', (chunk) => {
        output += chunk
      })
      child.on('error', reject)
      child.on('close', () => resolve(output))
    })
  return Promise.all(Array.from({ length: count }, one))
}

describe('a fresh checkout', () => {
  test('concurrent runs install and build once, and all run', async () => {
    const outputs = await runConcurrently(3)
    for (const output of outputs) expect(JSON.parse(output).leaf).toBe(1)
    expect(npmCalls()).toBe(1)
  })

  test('set-up output goes to stderr, the output of the executable alone to stdout', () => {
    rmSync(join(checkout.root, 'node_modules'), { recursive: true })
    rmSync(join(checkout.root, 'dist'), { recursive: true })
    const { stdout, stderr, status } = checkout.run(SCRIPT, [])
    expect(status).toBe(0)
    expect(JSON.parse(stdout).leaf).toBe(1)
    expect(stderr).toContain('installing packages')
    expect(stderr).toContain('noise of npm')
    expect(stderr).toContain('building dist/aquatic_udp')
  })
})

describe('an executable that is up to date', () => {
  test('gets flags, folder and input of the caller, also through a symbolic link', () => {
    const folder = join(checkout.root, 'else where')
    mkdirSync(folder)
    const link = join(folder, 'link')
    symlinkSync(join(checkout.root, SCRIPT), link)
    const { stdout, stderr } = checkout.run(link, ['-c', 'a  b', ''], {
      cwd: folder,
      input: 'hello',
    })
    expect(JSON.parse(stdout)).toMatchObject({
      cwd: folder,
      flags: ['-c', 'a  b', ''],
      input: 'hello',
    })
    expect(stderr).toBe('')
  })

  test('replaces the script, so that signals reach it', () => {
    const { stdout, pid } = checkout.run(SCRIPT, [])
    expect(JSON.parse(stdout).pid).toBe(pid)
  })

  test('is not ended by signals that come before it has handlers for them', () => {
    const ignored = BigInt(`0x${JSON.parse(checkout.run(SCRIPT, []).stdout).ignored}`)
    const { SIGHUP, SIGUSR1, SIGUSR2, SIGTERM } = constants.signals
    const isIgnored = (signal: number) => ((ignored >> BigInt(signal - 1)) & 1n) === 1n
    expect([SIGHUP, SIGUSR1, SIGUSR2, SIGTERM].map(isIgnored)).toEqual([true, true, true, false])
  })

  test.each(['v', 'd'])(
    'is not started under a limit (ulimit -%s) that the runtime cannot live with',
    (option) => {
      const limited = join(checkout.root, 'limited.sh')
      writeFileSync(
        limited,
        `#!/bin/sh\nulimit -${option} 1000000\nexec "${checkout.root}/${SCRIPT}"\n`,
      )
      chmodSync(limited, 0o755)
      const { status, stderr } = checkout.run(limited, [])
      expect(status).toBe(1)
      expect(stderr).toBe(
        `aquatic: ulimit -${option} is 1000000 kB, too little for the runtime: raise it to 16000000, or to unlimited\n`,
      )
    },
  )

  test('needs neither node nor npm', () => {
    const { status } = checkout.run(SCRIPT, [], {
      env: { PATH: checkout.pathWithout('node', 'npm') },
    })
    expect(status).toBe(0)
  })
})

describe('an executable older than its sources', () => {
  const executable = (): number => statSync(join(checkout.root, 'dist/aquatic_udp')).ino

  test('is replaced, not written to', () => {
    const before = executable()
    checkout.write('src/leaf.ts', '// A source.\nexport const leaf = 2\n')
    expect(JSON.parse(checkout.run(SCRIPT, []).stdout).leaf).toBe(2)
    expect(executable()).not.toBe(before)
  })

  test('is rebuilt when a source was removed', () => {
    checkout.write('src/other.ts', '')
    expect(checkout.run(SCRIPT, []).stderr).toContain('building')
    rmSync(join(checkout.root, 'src/other.ts'))
    expect(checkout.run(SCRIPT, []).stderr).toContain('building')
    expect(checkout.run(SCRIPT, []).stderr).toBe('')
  })

  test('is not run when the build fails', () => {
    checkout.write('src/leaf.ts', 'export const leaf = (')
    const { stdout, stderr, status } = checkout.run(SCRIPT, [])
    expect(status).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toContain('building aquatic_udp failed')
    checkout.write('src/leaf.ts', '// A source.\nexport const leaf = 3\n')
    expect(JSON.parse(checkout.run(SCRIPT, []).stdout).leaf).toBe(3)
  })

  test('is built with new packages when the lockfile changed', () => {
    const calls = npmCalls()
    checkout.write('package-lock.json', '{}')
    expect(checkout.run(SCRIPT, []).stderr).toContain('installing packages')
    expect(npmCalls()).toBe(calls + 1)
  })
})
