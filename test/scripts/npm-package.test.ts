// The package as npm makes it, installed into an empty folder. Needs npm, and its cache or registry.
import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { version } from '../../package.json'
import { defaultFile } from '../../src/config/toml-text.ts'
import { udpProgram } from '../../src/udp/settings/config.ts'
import { folderOfFile } from '../support/folder.ts'
import { linksOf } from '../support/markdown.ts'
import { withClient } from '../support/udp-client.ts'

setDefaultTimeout(180_000)

const ROOT = join(import.meta.dir, '../..')
/** 1,222 KB today, 120 of them for what the documents link to: the tests (more than 510 KB) or a built executable would not fit. */
const PACKED_BYTES_MAX = 1_500_000

const QUIET = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
/** Of all packages without Bun, whose own has 100 MB; 22 MB today. */
const SMALL_KB_MAX = 40_000

const folder = folderOfFile()
const empty = join(folder, 'an empty folder')
const small = join(folder, 'small')
let packed = ''
let paths: string[] = []
let packedBytes = 0

beforeAll(() => {
  mkdirSync(empty)
  const said = run(ROOT, 'npm', 'pack', '--json', '--pack-destination', folder)
  const report = JSON.parse(said)
  // npm 12 gives an object by name, the earlier ones a list.
  const [{ filename, size, files }] = Object.values(report) as {
    filename: string
    size: number
    files: { path: string }[]
  }[]
  paths = files.map(({ path }) => path)
  packedBytes = size
  packed = join(folder, filename)
  run(empty, 'npm', 'install', ...QUIET, packed)
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
    paths.filter((path) =>
      /^((test|bench|dist|node_modules|examples)\/|\.)|\.(lock|log)$/.test(path),
    ),
  ).toEqual([])
  expect(packedBytes).toBeLessThan(PACKED_BYTES_MAX)
})

test('every link of its documents leads to a file that it holds', () => {
  const documents = paths.filter((path) => path.endsWith('.md'))
  expect(documents).toContain('README.md')
  const broken = documents.flatMap((path) =>
    linksOf(readFileSync(join(ROOT, path), 'utf8'))
      .map(({ file }) => (file === '' ? path : normalize(join(dirname(path), file))))
      // 100 KB each: what they show is said beside them.
      .filter((target) => !/^docs\/pictures\/.*\.png$/.test(target))
      .filter((target) => !paths.some((held) => held === target || held.startsWith(target)))
      .map((target) => ({ path, target })),
  )
  expect(broken).toEqual([])
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

test.each([
  ['node', 'node'],
  ['bun', process.execPath],
])('the module aquatic/testing starts a tracker from %s', (_, runtime) => {
  writeFileSync(
    join(empty, 'module.mjs'),
    `import { startTracker } from 'aquatic/testing'
    const tracker = await startTracker({ udp: true })
    await tracker.stop()
    console.log(tracker.udp, tracker.http)`,
  )
  const text = run(empty, runtime, 'module.mjs')
  expect(text).toMatch(/^udp:\/\/127\.0\.0\.1:\d+\/announce null\n$/)
})

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

test('without optional packages it is small, and runs on a Bun that is there', () => {
  mkdirSync(small)
  run(small, 'npm', 'install', '--omit=optional', ...QUIET, packed)
  expect(existsSync(join(small, 'node_modules/@oven'))).toBeFalse()
  const [kilobytes] = run(small, 'du', '-sk', '.').split('\t')
  expect(Number(kilobytes)).toBeLessThan(SMALL_KB_MAX)
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const saidBy = (env: Record<string, string>) => {
    const command = [join(small, 'node_modules/.bin/aquatic'), '-v']
    const { exitCode, stdout, stderr } = Bun.spawnSync(command, { env })
    return `${exitCode} ${stdout}${stderr}`
  }
  const PATH = '/usr/bin:/bin'
  const says = `0 aquatic ${version}\n`
  expect(saidBy({ PATH })).toMatch(
    /^1 aquatic: no Bun 1\.\d+\.\d+ or later: install without --omit/,
  )
  expect(saidBy({ PATH, BUN_EXECUTABLE: process.execPath })).toBe(says)
  symlinkSync(process.execPath, join(bin, 'bun'))
  expect(saidBy({ PATH: `${bin}:${PATH}` })).toBe(says)
  // An old one is none.
  const old = join(folder, 'old-bun')
  writeFileSync(old, '#!/bin/sh\necho 1.4.4\n', { mode: 0o755 })
  expect(saidBy({ PATH, BUN_EXECUTABLE: old })).toContain(`BUN_EXECUTABLE (${old}) is no Bun`)
})
