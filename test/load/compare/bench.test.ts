import { describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkBuilt } from '../../support/built.ts'
import { folderOfFile } from '../../support/folder.ts'

const BENCH = join(import.meta.dir, '../../../dist/aquatic_bench')
const OURS = join(import.meta.dir, '../../../dist/aquatic_udp')

for (const executable of [BENCH, OURS]) checkBuilt(executable)

const folder = folderOfFile()

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function bench(settings: string, ...flags: string[]) {
  const file = write('bench.toml', settings)
  const { exitCode, stdout, stderr } = Bun.spawnSync([BENCH, '-c', file, ...flags], {
    env: { PATH: '/usr/bin:/bin' },
  })
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

function shortRun(): string {
  const load = write('load.toml', '[requests]\nnumber_of_torrents = 100\nnumber_of_peers = 2000\n')
  return `rounds = 2\nwarm_up = 1\nmeasured = 1\nload_settings = '${load}'\n`
}

test.each(['udp', 'http'])('the tracker of all protocols is compared over %s too', (protocol) => {
  const settings = `${shortRun()}\nprotocol = '${protocol}'\ntrackers = ['ours-all']\n`
  const { exitCode, stdout } = bench(settings)
  expect(exitCode, stdout).toBe(0)
  const [, micros] = stdout.match(/^\| ours-all +\| ([\d.]+) \(/m) ?? []
  expect(Number(micros)).toBeGreaterThan(0)
})

test('trackers run in alternation, and the report tells of each, of the missing and of the failed', () => {
  const broken = write('broken.toml', 'socket_workers = "many"\n')
  const small = write('small.toml', '[limits]\nmax_torrents = 10000\nmax_peers = 100000\n')
  const report = join(folder, 'report.md')
  const settings = `${shortRun()}
trackers = ['ours', 'ours-broken', 'ours-small', 'chihaya']
paths = ['ours-broken=${OURS}', 'ours-small=${OURS}']
tracker_settings = ['ours-broken=${broken}', 'ours-small=${small}']
`
  const { exitCode, stdout, stderr } = bench(settings, '--report', report)

  const order = [...stderr.matchAll(/round (\d)\/2 (\S+?):? /g)].map((match) =>
    match.slice(1, 3).join(' '),
  )
  expect(order).toEqual([
    '1 ours',
    '1 ours-broken',
    '1 ours-small',
    '2 ours-broken',
    '2 ours-small',
    '2 ours',
  ])
  expect(stderr).toContain('skipped: chihaya is not on this machine')
  expect(stdout).toContain('- chihaya: not on this machine, skipped')
  expect(stdout).toContain('- ours-broken FAILED in round 2: ours-broken ended at once: ')
  expect(stdout).toContain('socket_workers = "many" is a string'.replaceAll('"', "'"))
  expect(exitCode).toBe(1)

  const row = (name: string) =>
    stdout.match(new RegExp(`^\\| ${name} .*$`, 'm'))?.[0].split('|') ?? []
  const [, , micros, ratio, rate] = row('ours-small').map((cell) => cell.trim())
  expect(Number.parseFloat(micros)).toBeGreaterThan(0.1)
  expect(Number.parseFloat(ratio)).toBeGreaterThan(0.1)
  expect(Number.parseFloat(rate.replace('[', ''))).toBeGreaterThan(100)
  // Two rounds: a median with its spread.
  expect(micros).toMatch(/^[\d.]+ \([\d.]+–[\d.]+\)$/)
  expect(row('ours')[3].trim()).toBe('1')
  expect(row('ours')[8].trim()).toBe('0')
  for (const part of [
    'kernel: Linux',
    'CPU: ',
    "trackers = ['ours', 'ours-broken'",
    'warm_up = 1',
  ]) {
    expect(stdout).toContain(part)
  }

  expect(readFileSync(report, 'utf8')).toBe(stdout)
  expect(stdout).toContain('](report.md.svg)')
  const chart = readFileSync(`${report}.svg`, 'utf8')
  expect(chart).toContain('>ours<')
  expect(chart).toContain('>ours-small<')
  expect(chart).not.toContain('>ours-broken<')
}, 180_000)

test('HTTP trackers get the load that load_settings describes', () => {
  const load = write(
    'http-load.toml',
    `[requests]\nnumber_of_torrents = 100\nnumber_of_peers = 2000\n[network]\nkeep_alive_share = 1\n`,
  )
  const settings = `protocol = 'http'\nrounds = 1\nwarm_up = 1\nmeasured = 1\nload_settings = '${load}'
trackers = ['ours', 'chihaya']\n`
  const { exitCode, stdout } = bench(settings)
  expect(stdout).toStartWith('# HTTP trackers compared')
  const row = stdout.match(/^\| ours .*$/m)?.[0].split('|') ?? []
  expect(Number.parseFloat(row[2])).toBeGreaterThan(0.1)
  expect(row[8].trim()).toBe('0')
  expect(stdout).toContain('- chihaya: not on this machine, skipped')
  expect(exitCode).toBe(0)
}, 180_000)

test('a site is asked over all protocols at once, and every answer is checked', () => {
  const settings = `protocol = 'site'\nprofile = 'public'\nrounds = 1\nwarm_up = 2\nmeasured = 3
trackers = ['ours']\n[site]\nrequests_per_second = 100\npeers = 2000\n`
  const { exitCode, stdout } = bench(settings)
  expect(stdout).toStartWith('# All-protocol trackers compared')
  expect(stdout).toContain("profile 'public'")
  const row = stdout.match(/^\| ours .*$/m)?.[0].split('|') ?? []
  expect(Number.parseFloat(row[2])).toBeGreaterThan(1)
  expect(row[8].trim(), stdout).toBe('0')
  const over = [...stdout.matchAll(/^\| ours +\| ([a-z]+(?: IPv6)?) +\| (\d+) /gm)]
  const names = ['udp', 'udp IPv6', 'http', 'http IPv6', 'https', 'https IPv6', 'wss']
  expect(over.map(([, name]) => name)).toEqual(names)
  const rates = over.map(([, , rate]) => Number(rate))
  const all = rates.reduce((sum, rate) => sum + rate, 0)
  // 100, and the messages of WebTorrent; a busy machine is late.
  expect(all).toBeGreaterThan(70)
  expect(all).toBeLessThan(140)
  expect((rates[1] + rates[3] + rates[5]) / all).toBeGreaterThan(0.15)
  expect((rates[1] + rates[3] + rates[5]) / all).toBeLessThan(0.35)
  expect(exitCode).toBe(0)
}, 180_000)

test('trackers are compared under a profile', () => {
  const { exitCode, stdout } = bench(
    `${shortRun()}\nprofile = 'reconnecting'\ntrackers = ['ours']\n`,
  )
  expect(exitCode).toBe(0)
  expect(stdout).toContain("profile 'reconnecting'")
  const row = stdout.match(/^\| ours .*$/m)?.[0].split('|') ?? []
  expect(row[8].trim(), stdout).toBe('0')
}, 180_000)

describe('settings that cannot be run are reported at once', () => {
  test.each([
    ["trackers = ['ours', 'opentraker']", "'opentraker' is not a tracker that this program knows"],
    ["tracker_cores = '1'", 'tracker_cores and generator_cores are both'],
    ["tracker_cores = 'all'", 'names no cores'],
    ["protocol = 'site'", "needs a profile: set profile = 'public'"],
    ["protocol = 'site'\nprofile = 'public'\nload_settings = 'x'", 'do not apply'],
    [
      "protocol = 'site'\nprofile = 'public'\n[site]\nhttps_share = 0.6\nhttp_share = 0.6",
      'more than 1 together',
    ],
    ["paths = ['ours']", 'is not NAME=FILE'],
    ["trackers = ['chihaya']", 'no tracker to measure'],
    ["generator = 'aquatic'\ntrackers = ['ours']", 'cargo install aquatic_udp_load_test'],
    ["paths = ['ours=/nowhere']\ntrackers = ['ours']", 'the given executable does not exist'],
  ])('%s', (settings, message) => {
    const { exitCode, stderr } = bench(settings)
    expect(stderr).toContain(message)
    expect(exitCode).toBe(1)
  })

  test.each([
    ['--rounds', 'many', '--rounds many is not a number of rounds', 2],
    ['--trackers', 'nope', '--trackers: unknown tracker «nope»', 2],
    ['--report', '/nowhere/x.md', 'cannot write to /nowhere/x.md: there is no such folder', 1],
  ])('%s %s', (flag, value, message, code) => {
    const { exitCode, stderr } = bench('', flag, value)
    expect(stderr).toContain(message)
    expect(exitCode).toBe(code)
  })
})
