import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { defaultsOf, entriesOf } from '../../src/config/schema.ts'
import { udpSettings } from '../../src/udp/settings/config.ts'
import { folderOfFile } from '../support/folder.ts'

const DEMO = join(import.meta.dir, 'fixtures/demo-executable.ts')
const folder = folderOfFile()
const FIXTURE = join(import.meta.dir, '../fixtures/aquatic_udp-2020.toml')

function demo(args: string[], environment: Record<string, string> = {}) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, DEMO, ...args], {
    env: { ...environment },
  })
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

/** Runs the demo in a shell line, where `demo` stands for its command. */
function shell(line: string) {
  const script = `demo() { "$BUN" "$DEMO" "$@"; }; ${line}`
  const { exitCode, stdout, stderr } = Bun.spawnSync(['sh', '-c', script], {
    env: { BUN: process.execPath, DEMO, PATH: process.env.PATH ?? '' },
  })
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

describe('the start', () => {
  test('without flags uses the defaults', () => {
    expect(demo([])).toEqual({
      exitCode: 0,
      stdout: 'started on 0.0.0.0:3000 with 0 warnings\n',
      stderr: '',
    })
  })

  test('uses file and environment, and tells warnings', () => {
    const { exitCode, stdout, stderr } = demo(['-c', FIXTURE], {
      AQUATIC_NETWORK_ADDRESS: '127.0.0.1:4000',
      AQUATIC_CLEANING_INTERVAL: '2000',
    })
    expect(exitCode).toBe(0)
    expect(stdout).toBe('started on 127.0.0.1:4000 with 1 warnings\n')
    expect(stderr).toStartWith('demo: warning: ')
    expect(stderr).toContain('peers would stay up to 2000 seconds beyond their age')
  })

  test('with a mistake in the settings does not happen, exit code 1', () => {
    const { exitCode, stdout, stderr } = demo([], {
      AQUATIC_LOG_LEVEL: 'loud',
      AQUATIC_NETWORK_ADDRESS: 'here',
    })
    expect(exitCode).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toStartWith('demo: 2 mistakes in the settings:\n  environment variable AQUATIC_')
    expect(stderr.trimEnd().split('\n')).toHaveLength(3)
  })

  test('that the operator can mend fails with one line, exit code 1', () => {
    expect(demo([], { AQUATIC_PRIVILEGES_USER: 'start-error' })).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'demo: port 3000 is in use\n',
    })
  })

  test('that fails by a bug shows where, exit code 1', () => {
    const { exitCode, stderr } = demo([], { AQUATIC_PRIVILEGES_USER: 'bug' })
    expect(exitCode).toBe(1)
    expect(stderr).toStartWith('demo: Error: a bug\n')
    expect(stderr).toContain('demo-executable.ts')
  })
})

describe('printing', () => {
  test('-p gives the defaults, and -c accepts them', () => {
    const { exitCode, stdout, stderr } = demo(['-p'], { AQUATIC_SOCKET_WORKERS: '7' })
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(parse(stdout) as object).toEqual(defaultsOf(udpSettings.schema))

    const path = join(folder, 'printed.toml')
    writeFileSync(path, stdout)
    expect(demo(['--check', '-c', path])).toEqual({
      exitCode: 0,
      stdout: `${path}: valid (${entriesOf(udpSettings.schema).length} settings given)\n`,
      stderr: '',
    })
    const effective = demo(['-P', '-c', path])
    expect(parse(effective.stdout) as object).toEqual(defaultsOf(udpSettings.schema))
  })

  test('-P prints the settings in force, and where it comes from', () => {
    const { exitCode, stdout } = demo(['-P', '-c', FIXTURE], { AQUATIC_NETWORK_ADDRESS: '[::]:1' })
    expect(exitCode).toBe(0)
    expect(stdout).toContain("address = '[::]:1' # from AQUATIC_NETWORK_ADDRESS\n")
    expect(stdout).toContain(`max_peer_age = 1200 # from ${FIXTURE}:23\n`)
    expect(stdout).toContain('\nmax_peers = 100000000\n')
  })

  test('-P with a mistake in the settings prints none, exit code 1', () => {
    expect(demo(['-P'], { AQUATIC_LOG_LEVEL: 'loud' })).toMatchObject({ exitCode: 1, stdout: '' })
  })

  test('-h explains every flag on standard output', () => {
    const { exitCode, stdout, stderr } = demo(['-h'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    for (const flag of ['-c', '-p', '-P', '--check', '-h', '-v', '--config-file']) {
      expect(stdout).toContain(flag)
    }
    expect(stdout).toContain('demo 1.2.3: shows what the command line does.')
  })

  test('-v gives name and version', () => {
    expect(demo(['-v'])).toEqual({ exitCode: 0, stdout: 'demo 1.2.3\n', stderr: '' })
  })

  test('-h, -v and -p do not look at the settings', () => {
    for (const flag of ['-h', '-v', '-p']) {
      const { exitCode, stderr } = demo([flag, '-c', '/nonexistent'], { AQUATIC_LOG_LEVEL: 'loud' })
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    }
  })

  test('into a pipe whose reader has left ends quietly', () => {
    expect(shell('{ demo -p; echo $? >&2; } | true')).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: '0\n',
    })
  })

  test('into a slow pipe loses nothing', () => {
    const { stdout } = shell('demo -p | { sleep 0.2; wc -c; }')
    expect(Number(stdout)).toBe(demo(['-p']).stdout.length)
  })

  test('onto a full disk fails with one line', () => {
    const { exitCode, stderr } = shell('demo -p > /dev/full')
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^demo: cannot write to standard output: .*\n$/)
  })
})

describe('--check', () => {
  test('says that settings are valid, with warnings apart, exit code 0', () => {
    const { exitCode, stdout, stderr } = demo(['--check', '-c', FIXTURE], {
      AQUATIC_CLEANING_INTERVAL: '2000',
    })
    expect(exitCode).toBe(0)
    expect(stdout).toBe(`${FIXTURE}: valid (17 settings given, 1 warning)\n`)
    expect(stderr).toContain('peers would stay up to 2000 seconds beyond their age')
  })

  test('says what is checked if there is no file', () => {
    expect(demo(['--check'], { AQUATIC_LOG_LEVEL: 'info' }).stdout).toBe(
      'no settings file, so defaults and environment: valid (1 setting given)\n',
    )
  })

  test('says what is wrong, exit code 1', () => {
    const { exitCode, stdout, stderr } = demo(['--check', '-c', '/nonexistent'])
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toStartWith('demo: 1 mistake in the settings:\n  /nonexistent: there is no such')
  })
})

describe('a wrong command line gives usage on standard error, exit code 2:', () => {
  test.each([['--chek'], ['-c'], ['stray'], ['-x']])('%s', (flag) => {
    const { exitCode, stdout, stderr } = demo([flag])
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toStartWith('demo: ')
    expect(stderr).toContain('\nUsage: demo [flags]\n')
  })
})
