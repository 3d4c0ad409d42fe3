// The units of packaging/systemd as systemd runs them: it is booted on a root of its own, in namespaces,
// by systemd-boot.sh. What this machine's systemd-analyze says of the units is in systemd.test.ts.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { checkBuilt } from '../support/built.ts'
import { folderOfFile } from '../support/folder.ts'
import { ALL_EXECUTABLE, HTTP_EXECUTABLE } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'
import { UDP, WS } from './tracker.ts'

setDefaultTimeout(60_000)

const ROOT = join(import.meta.dir, '../..')
const BOOT_MS = 30_000
const isRoot = readFileSync('/proc/self/uid_map', 'utf8').includes('4294967295')
const [, hierarchy = ''] = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8')) ?? []
const canBoot = isRoot && hierarchy !== ''
const whyNot = canBoot ? '' : ' (skipped: this needs root, and control groups of version 2)'

const UDP_SETTINGS = `[network]\naddress = '0.0.0.0:80'
[persistence]\npath = '/var/lib/aquatic_udp'\ntake_over = true\n`
const HTTP_SETTINGS = "[network]\naddress = '0.0.0.0:82'\n"
const ALL_SETTINGS = ['udp', 'http', 'ws']
  .map((name, i) => `[${name}.network]\naddress = '0.0.0.0:${90 + i}'\n`)
  .join('')
const WS_SETTINGS = "[network]\naddress = '0.0.0.0:81'\n"
const HEALTH = '--health-check 5 -c /etc/aquatic'

const EXECUTABLES = [
  `${UDP.executable}:aquatic_udp`,
  `${WS.executable}:aquatic_ws`,
  `${HTTP_EXECUTABLE}:aquatic_http`,
  `${ALL_EXECUTABLE}:aquatic`,
]

const folder = folderOfFile()
const cgroup = join(hierarchy, `aquatic-test-${process.pid}`)
let machine: Bun.Subprocess | undefined
let pid = 0

function makeRoot(): void {
  for (const name of ['usr', 'var', 'opt/aquatic/a', 'opt/aquatic/b', 'etc/systemd/system']) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(folder, name))
  const files = {
    passwd: 'root:x:0:0:root:/root:/bin/sh\n',
    group: 'root:x:0:\n',
    'os-release': 'ID=test\n',
    // Without it systemd takes this for a first boot, and enables every unit of this machine.
    'machine-id': '0123456789abcdef0123456789abcdef\n',
    'aquatic/udp.toml': UDP_SETTINGS,
    'aquatic/http.toml': HTTP_SETTINGS,
    'aquatic/ws.toml': WS_SETTINGS,
    'aquatic/aquatic.toml': ALL_SETTINGS,
  }
  mkdirSync(join(folder, 'etc/aquatic'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'etc', name), text)
  const units = join(ROOT, 'packaging/systemd')
  for (const name of readdirSync(units).filter((file) => file.endsWith('.service'))) {
    cpSync(join(units, name), join(folder, 'etc/systemd/system', name))
  }
  mkdirSync(join(folder, 'etc/sysusers.d'))
  cpSync(join(units, 'sysusers.conf'), join(folder, 'etc/sysusers.d/aquatic.conf'))
  for (const name of ['a', 'b']) {
    symlinkSync('/usr/local/bin/aquatic_udp', join(folder, 'opt/aquatic', name, 'aquatic_udp'))
  }
}

/** The first process called systemd below `parent`; 0 when there is none yet. */
function systemdBelow(parent: number): number {
  const children = textOf(`/proc/${parent}/task/${parent}/children`).match(/\d+/g) ?? []
  for (const child of children.map(Number)) {
    const found = textOf(`/proc/${child}/comm`) === 'systemd\n' ? child : systemdBelow(child)
    if (found !== 0) return found
  }
  return 0
}

/** Of a process that may have ended meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Runs shell commands beside systemd; gives all that they print, and the exit code if it is not 0. */
function run(script: string): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([
    ...['nsenter', `--target=${pid}`, '--mount', '--pid', '--net', '--ipc', '--uts', '--cgroup'],
    ...[
      '--root',
      '--wdns=/',
      'env',
      '-i',
      'PATH=/usr/local/bin:/usr/bin:/usr/sbin',
      'sh',
      '-c',
      script,
    ],
  ])
  return `${stdout}${stderr}${exitCode === 0 ? '' : `exit code ${exitCode}`}`.trim()
}

function property(unit: string, name: string): string {
  return run(`systemctl show --property=${name} --value ${unit}`)
}

function isLogged(unit: string, text: string): Promise<void> {
  return waitUntil(`${unit} logs ${text}`, () =>
    run(`journalctl --no-pager --output=cat --unit=${unit}`).includes(text),
  )
}

beforeAll(async () => {
  if (!canBoot) return
  makeRoot()
  const boot = join(import.meta.dir, 'systemd-boot.sh')
  for (const each of EXECUTABLES) checkBuilt(each.split(':')[0])
  const started = Bun.spawn([boot, folder, cgroup, ...EXECUTABLES], {
    stdin: 'ignore',
  })
  machine = started
  await waitUntil(
    'systemd has booted',
    () => {
      if (started.exitCode !== null) throw new Error(`the boot ended with ${started.exitCode}`)
      pid = systemdBelow(started.pid)
      return pid !== 0 && run('systemctl is-system-running --wait') === 'running'
    },
    BOOT_MS,
  )
})

afterAll(async () => {
  // With it go all processes of its namespaces.
  machine?.kill('SIGKILL')
  await machine?.exited
  if (machine !== undefined) await waitUntil('its control groups are empty', () => isGone(cgroup))
})

function isGone(group: string): boolean {
  try {
    const entries = readdirSync(group, { withFileTypes: true })
    for (const entry of entries.filter((one) => one.isDirectory())) isGone(join(group, entry.name))
    rmdirSync(group)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'ENOENT'
  }
}

test.skipIf(!canBoot)(`systemd starts, reloads, watches and stops a tracker${whyNot}`, async () => {
  const unit = 'aquatic_udp'
  expect(run(`systemctl start ${unit} && aquatic_udp ${HEALTH}/udp.toml`)).toBe('')
  expect(property(unit, 'StatusText')).toStartWith('listening on 0.0.0.0:80')
  const status = () => run(`cat /proc/${property(unit, 'MainPID')}/status`)
  expect(status()).toMatch(/^Uid:\t[1-9]\d+\t/m)
  // Ports below 1024, and nothing else.
  expect(status()).toMatch(/^CapBnd:\t0+400$/m)
  expect(status()).toMatch(/^Seccomp:\t2$/m)

  writeFileSync(join(folder, 'etc/aquatic/udp.toml'), `log_level = 'info'\n${UDP_SETTINGS}`)
  expect(run(`systemctl reload ${unit}`)).toBe('')
  await isLogged(unit, "settings changed: log_level = 'info'")

  const dropIn = `/run/systemd/system/${unit}.service.d`
  run(`mkdir -p ${dropIn} && printf '[Service]\\nWatchdogSec=1\\n' >${dropIn}/test.conf`)
  expect(run(`systemctl daemon-reload && systemctl restart ${unit}`)).toBe('')
  run(`systemctl kill --signal=STOP ${unit}`)
  await waitUntil('the watchdog restarts it', () => property(unit, 'NRestarts') === '1')
  await waitUntil('it serves again', () => property(unit, 'ActiveState') === 'active')

  expect(run(`systemctl stop ${unit}`)).toBe('')
  expect(property(unit, 'Result')).toBe('success')
  expect(run('stat -L -c %a /var/lib/aquatic_udp /var/lib/aquatic_udp/aquatic_udp.snapshot')).toBe(
    '700\n600',
  )
})

test.skipIf(!canBoot).each([
  ['aquatic_ws', 'ws.toml'],
  ['aquatic_http', 'http.toml'],
  ['aquatic', 'aquatic.toml'],
])(`systemd starts, reloads and stops %s${whyNot}`, async (unit, file) => {
  expect(run(`systemctl start ${unit} && ${unit} ${HEALTH}/${file}`)).toBe('')
  expect(property(unit, 'StatusText')).toMatch(/^listening on (UDP: )?0\.0\.0\.0:/)
  expect(run(`systemctl reload ${unit}`)).toBe('')
  await isLogged(unit, 'settings read again: nothing has changed')
  expect(run(`systemctl stop ${unit}`)).toBe('')
  expect(property(unit, 'Result')).toBe('success')
})

test.skipIf(!canBoot)(`a start with wrong settings fails with the reason${whyNot}`, async () => {
  writeFileSync(join(folder, 'etc/aquatic/ws.toml'), 'socket_workers = -1\n')
  expect(run('systemctl start aquatic_ws')).toContain('exit code 1')
  await isLogged('aquatic_ws', 'socket_workers = -1 is too small')
  writeFileSync(join(folder, 'etc/aquatic/ws.toml'), WS_SETTINGS)
  await waitUntil('it is tried again', () => property('aquatic_ws', 'ActiveState') === 'active')
  run('systemctl stop aquatic_ws')
})

test.skipIf(!canBoot)(`an instance takes the place of the other${whyNot}`, async () => {
  expect(run('systemctl start aquatic_udp@a')).toBe('')
  expect(run(`systemctl start aquatic_udp@b && aquatic_udp ${HEALTH}/udp.toml`)).toBe('')
  await waitUntil('a has ended', () => property('aquatic_udp@a', 'ActiveState') === 'inactive')
  expect(property('aquatic_udp@a', 'Result')).toBe('success')
  expect(property('aquatic_udp@b', 'ActiveState')).toBe('active')
  await isLogged('aquatic_udp@b', 'taken over')
  expect(run('systemctl stop aquatic_udp@b')).toBe('')
})
