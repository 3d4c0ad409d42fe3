// The Debian package on a machine of its own (booted-machine.ts): installed by dpkg, started by systemd, upgraded while clients
// announce, removed and purged. What is in the package: release.test.ts. The machine is this one's /usr below a folder
// that takes what dpkg writes.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { linkSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../../package.json'
import { folderOfFile } from '../support/folder.ts'
import { waitUntil } from '../support/wait.ts'
import { BootedMachine, canBoot, whyNoBoot } from './booted-machine.ts'
import { TestProcess } from './process.ts'
import type { AnnouncedReport } from './steady-announcer.ts'

setDefaultTimeout(180_000)

const ROOT = join(import.meta.dir, '../..')
const isDebian =
  Bun.which('dpkg') !== null && Bun.which('dpkg-deb') !== null && Bun.which('xz') !== null
const canTry = canBoot && isDebian && process.arch === 'x64'
const whyNot = canBoot ? ' (skipped: this needs dpkg, on x86-64)' : whyNoBoot
const skipped = canTry ? '' : whyNot

const folder = folderOfFile()
const machine = new BootedMachine(join(folder, 'machine'))
const run = (script: string) => machine.run(script)
const state = (unit: string) => machine.property(unit, 'ActiveState')

/** Builds the package, and puts it into the machine as /packages/REVISION.deb. */
function makePackage(revision: number): void {
  const out = join(folder, `release-${revision}`)
  const flags = ['--fast', `--revision=${revision}`, `--out=${out}`, 'linux-x64']
  const { exitCode, stderr } = Bun.spawnSync([join(ROOT, 'scripts/release.sh'), ...flags])
  if (exitCode !== 0) throw new Error(`release.sh ended with ${exitCode}: ${stderr}`)
  linkSync(
    join(out, `aquatic_${version}-${revision}_amd64.deb`),
    join(machine.folder, `packages/${revision}.deb`),
  )
}

/** What dpkg has to know of this machine's packages: those that ours depends on. */
function knownPackages(): string {
  const { stdout } = Bun.spawnSync(['dpkg-query', '--status', 'libc6', 'systemd'])
  return `${stdout}\n`
}

/** What dpkg says of a package's installation, without its progress. */
function install(revision: number): string {
  const said = run(`dpkg -i /packages/${revision}.deb`)
  return said
    .split('\n')
    .filter(
      (line) =>
        !/^(\(Reading|Preparing|Unpacking|Setting up|Selecting|Processing|dpkg: warning: files list|Creating|Created)/.test(
          line,
        ),
    )
    .join('\n')
}

beforeAll(async () => {
  if (!canTry) return
  mkdirSync(join(machine.folder, 'packages'), { recursive: true })
  for (const revision of [1, 2]) makePackage(revision)
  await machine.boot({
    writableUsr: true,
    files: {
      'var/lib/dpkg/status': knownPackages(),
      'var/lib/dpkg/available': '',
      'var/lib/dpkg/info/format': '1\n',
      'var/lib/dpkg/updates/.empty': '',
      'var/log/dpkg.log': '',
    },
  })
})

afterAll(() => machine.stop())

/** Of this machine, which may be a container whose services must not start. */
const POLICY = '/usr/sbin/policy-rc.d'

test.skipIf(!canTry)(`it is installed whole, and starts nothing${skipped}`, () => {
  run(`rm -f ${POLICY}`)
  expect(install(1)).toBe('')
  expect(run('dpkg --verify aquatic')).toBe('')
  expect(run('aquatic_udp -v')).toBe(`aquatic_udp ${version}`)
  expect(run('id -un aquatic')).toBe('aquatic')
  expect(run('systemctl list-units --no-legend "aquatic*"')).toBe('')
  for (const name of ['aquatic', 'aquatic_udp', 'aquatic_http', 'aquatic_ws']) {
    const file = name === 'aquatic' ? 'aquatic' : name.slice('aquatic_'.length)
    expect(run(`${name} --check -c /etc/aquatic/${file}.toml`)).not.toContain('exit code')
    expect(run(`systemctl is-enabled ${name} ${name}@a`)).toContain('disabled\ndisabled')
  }
})

test.skipIf(!canTry)(
  `an upgrade whose version cannot start leaves the old one${skipped}`,
  async () => {
    const settings = readFileSync(join(machine.folder, 'etc/aquatic/aquatic.toml'), 'utf8')
    expect(run('systemctl enable --quiet --now aquatic@a')).toBe('')
    const pid = machine.property('aquatic@a', 'MainPID')
    machine.write('etc/aquatic/aquatic.toml', `${settings}\nnonsense = 1\n`)
    const said = install(2)
    expect(said).toContain('The new version did not start, and the old one goes on')
    expect(said).not.toContain('exit code')
    expect(machine.property('aquatic@a', 'MainPID')).toBe(pid)
    expect(state('aquatic@b')).not.toMatch(/^activ/)
    // Nor does it touch them where services must not start.
    run(`printf '#!/bin/sh\nexit 101\n' >${POLICY} && chmod 755 ${POLICY}`)
    expect(install(2)).toBe('')
    expect(machine.property('aquatic@a', 'MainPID')).toBe(pid)
    run(`rm ${POLICY}`)
    // Mended, and with the operator's own change, about which dpkg does not ask.
    machine.write('etc/aquatic/aquatic.toml', `log_level = 'info'\n${settings}`)
  },
)

test.skipIf(!canTry)(
  `an upgrade has the new version take over, and no client waits${skipped}`,
  async () => {
    machine.write('etc/aquatic/http.toml', "[network]\naddress = '127.0.0.1:82'\n")
    expect(run('systemctl start aquatic_http')).toBe('')
    const httpBefore = machine.property('aquatic_http', 'MainPID')
    const before = machine.property('aquatic@a', 'MainPID')
    const script = join(import.meta.dir, 'steady-announcer.ts')
    const command = machine.inNetwork([process.execPath, script, '127.0.0.1', '3000'])
    const client = new TestProcess('steady announcer', command, { PATH: process.env.PATH ?? '' })
    try {
      await client.waitForOutput(/announcing\n/, 60_000)
      const said = install(2)
      expect(said).toContain('aquatic@b takes the place of aquatic@a')
      expect(said).not.toContain('exit code')
      await waitUntil('a has ended', () => state('aquatic@a') === 'inactive', 60_000)
      expect(machine.property('aquatic@a', 'Result')).toBe('success')
      expect(state('aquatic@b')).toBe('active')
      expect(machine.property('aquatic@b', 'MainPID')).not.toBe(before)
      await machine.isLogged('aquatic@b', 'taken over')
      expect(run('systemctl is-enabled aquatic@a aquatic@b')).toContain('disabled\nenabled')
      client.closeInput()
      expect(await client.waitForEnd(60_000)).toBe(0)
      const report: AnnouncedReport = JSON.parse(client.output.split('\n').at(-2) ?? '')
      expect(report.announced).toBeGreaterThan(0)
      // With the connection id of before: all that was announced to either of them.
      expect(report.found).toBe(report.announced)
    } finally {
      await client.stop()
    }
    // Without an instance to take over: it is restarted.
    expect(state('aquatic_http')).toBe('active')
    expect(machine.property('aquatic_http', 'MainPID')).not.toBe(httpBefore)
    expect(run('head -n 1 /etc/aquatic/aquatic.toml')).toBe("log_level = 'info'")
  },
)

test.skipIf(!canTry)(
  `removed, it leaves settings and state; purged, only its user${skipped}`,
  () => {
    expect(run('dpkg --remove aquatic')).not.toContain('exit code')
    expect(run('systemctl list-units --no-legend --state=active "aquatic*"')).toBe('')
    expect(run('ls /usr/bin | grep aquatic')).toBe('exit code 1')
    expect(run('ls /etc/systemd/system/multi-user.target.wants')).not.toContain('aquatic')
    expect(run('ls /etc/aquatic')).toBe('aquatic.toml\nhttp.toml\nudp.toml\nws.toml')
    expect(run('ls /var/lib/aquatic')).toContain('aquatic.snapshot')

    expect(run('dpkg --purge aquatic')).not.toContain('exit code')
    expect(run('ls -d /etc/aquatic')).toContain('exit code 2')
    expect(run('ls -d /var/lib/aquatic* /var/lib/private/aquatic*')).toContain('exit code 2')
    expect(run('id -un aquatic')).toBe('aquatic')
    expect(run('dpkg-query --list aquatic')).toContain('exit code 1')
  },
)
