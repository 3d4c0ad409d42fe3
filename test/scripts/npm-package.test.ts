// The package as npm makes it, installed into an empty folder. Needs npm, and its cache or registry.
import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../../package.json'
import { defaultFile } from '../../src/config/toml-text.ts'
import { udpProgram } from '../../src/udp/settings/config.ts'
import { folderOfFile } from '../support/folder.ts'
import { withClient } from '../support/udp-client.ts'

setDefaultTimeout(120_000)

const ROOT = join(import.meta.dir, '../..')
/** 815 KB today, for eight programs with their manuals: the tests (510 KB) or a built executable would not fit. */
const PACKED_BYTES_MAX = 1_000_000

const folder = folderOfFile()
const empty = join(folder, 'an empty folder')
let paths: string[] = []
let packedBytes = 0

beforeAll(() => {
  mkdirSync(empty)
  const packed = run(ROOT, 'npm', 'pack', '--json', '--pack-destination', folder)
  const report = JSON.parse(packed)
  // npm 12 gives an object by name, the earlier ones a list.
  const [{ filename, size, files }] = Object.values(report) as {
    filename: string
    size: number
    files: { path: string }[]
  }[]
  paths = files.map(({ path }) => path)
  packedBytes = size
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  run(empty, 'npm', 'install', ...quiet, join(folder, filename))
})

function run(cwd: string, ...command: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd })
  if (exitCode !== 0) throw new Error(`${command.join(' ')} ended with ${exitCode}: ${stderr}`)
  return stdout.toString()
}

test('it holds what runs, and nothing for developers only', () => {
  for (const path of [
    'bin/aquatic_udp.ts',
    'src/udp/main/main.ts',
    'LICENSE',
    'docs/operations.md',
  ]) {
    expect(paths).toContain(path)
  }
  expect(
    paths.filter((path) => /^(test|bench|dist|node_modules|\.)|\.(lock|log)$/.test(path)),
  ).toEqual([])
  expect(packedBytes).toBeLessThan(PACKED_BYTES_MAX)
})

test('npx prints the default settings', () => {
  const text = run(empty, 'npx', '--no-install', 'aquatic_udp', '-p')
  expect(text).toBe(defaultFile('aquatic_udp', udpProgram.settings.schema))
})

test.each(['aquatic', 'aquatic_udp', 'aquatic_ws', 'aquatic_udp_load_test'])(
  '%s says its version',
  (name) => {
    expect(run(empty, 'npx', '--no-install', name, '-v')).toBe(`${name} ${version}\n`)
  },
)

test('the tracker serves, minds no file of its folder, and is the process that gets the signal', async () => {
  writeFileSync(join(empty, '.env'), 'AQUATIC_LOG_LEVEL=nonsense\n')
  writeFileSync(join(empty, 'bunfig.toml'), 'preload = ["./missing.ts"]\n')
  const limits = { AQUATIC_LIMITS_MAX_TORRENTS: '10000', AQUATIC_LIMITS_MAX_PEERS: '100000' }
  const child = Bun.spawn([join(empty, 'node_modules/.bin/aquatic_udp')], {
    cwd: empty,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: {
      PATH: process.env.PATH ?? '',
      AQUATIC_NETWORK_ADDRESS: '127.0.0.1:0',
      AQUATIC_SOCKET_WORKERS: '2',
      ...limits,
    },
  })
  try {
    let stderr = ''
    for await (const chunk of child.stderr) {
      stderr += Buffer.from(chunk).toString()
      if (stderr.includes('\n')) break
    }
    expect(stderr).toStartWith(`aquatic_udp ${version} listening on `)
    const port = Number(/:(\d+)/.exec(stderr)?.[1])
    await withClient('127.0.0.1', (client) => client.announce({ host: '127.0.0.1', port }))
    child.kill('SIGTERM')
    expect(await child.exited).toBe(0)
  } finally {
    child.kill('SIGKILL')
  }
})
