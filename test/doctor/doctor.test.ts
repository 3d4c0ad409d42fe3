// The doctor as it is built, on trees of files that stand for hosts.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkBuilt } from '../support/built.ts'
import { folderOfFile } from '../support/folder.ts'
import { FAULTY, GOOD, plant, treeOf } from './planted-tree.ts'

setDefaultTimeout(180_000)

const DOCTOR = join(import.meta.dir, '../../dist/aquatic_doctor')
const folder = folderOfFile()
const SYSCTL = '/etc/sysctl.d/99-aquatic-doctor.conf'
const RECORD = '/var/lib/aquatic-doctor/applied.json'

function hostOf(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(folder, 'root-'))
  plant(root, files)
  return root
}

function doctor(args: string[], { input = '' } = {}) {
  checkBuilt(DOCTOR)
  const { exitCode, stdout, stderr } = Bun.spawnSync([DOCTOR, ...args], {
    stdin: Buffer.from(input),
  })
  return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

const examine = (root: string, ...args: string[]) =>
  doctor(['--root', root, '--seconds', '0', ...args])
const apply = (root: string, ...args: string[]) => examine(root, '--apply', ...args)
const revert = (root: string, ...args: string[]) => examine(root, '--revert', ...args)

describe('exit codes', () => {
  test('0 where nothing is wrong', () => {
    const { code, stdout, stderr } = examine(hostOf(GOOD))
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^this host: \d+ notes, \d+ good\n/)
    expect(code).toBe(0)
  })

  test('1 where something is', () => {
    const { code, stdout } = examine(hostOf({ ...GOOD, '/proc/sys/net/core/somaxconn': '128\n' }))
    expect(stdout).toMatch(
      /^this host: 1 warning, \d+ notes, \d+ good\n\nwarning {2}Only 128 new connections/,
    )
    expect(code).toBe(1)
  })

  test('2 for a mistake in the line or the settings, and nothing on standard output', () => {
    expect(doctor(['--nonsense'])).toMatchObject({ code: 2, stdout: '' })
    const file = join(folder, 'wrong.toml')
    writeFileSync(file, '[udp.network]\nadress = "0.0.0.0:1"\n')
    const { code, stdout, stderr } = examine(hostOf(GOOD), '-c', file)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(`${file}:2: [udp.network] adress is not a setting`)
  })

  test('an empty tree: what cannot be read is said, one by one, and nothing is wrong or right', () => {
    const root = hostOf({})
    const { code, stdout, stderr } = examine(root, '--json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [{ findings }] = JSON.parse(stdout).reports
    expect(findings.filter(({ severity }: { severity: string }) => severity !== 'note')).toEqual([])
    expect(findings.length).toBeGreaterThan(20)
  })
})

const UNPRIVILEGED = ['unshare', '--user', '--']
const WHY_PRIVILEGED =
  Bun.which('unshare') !== null && Bun.spawnSync([...UNPRIVILEGED, 'true']).exitCode === 0
    ? ''
    : ' (skipped: no user namespaces)'

test.skipIf(WHY_PRIVILEGED !== '')(`without any right it works, too${WHY_PRIVILEGED}`, () => {
  checkBuilt(DOCTOR)
  const command = [...UNPRIVILEGED, DOCTOR, '--seconds', '0', '--json']
  const { exitCode, stdout, stderr } = Bun.spawnSync(command)
  expect(stderr.toString()).toBe('')
  expect([0, 1]).toContain(exitCode)
  const { findings } = JSON.parse(stdout.toString()).reports[0]
  expect(findings.length).toBeGreaterThan(20)
})

test('JSON has what the text has', () => {
  const root = hostOf(FAULTY)
  const { code, stdout } = examine(root, '--json')
  const { program, good, reports } = JSON.parse(stdout)
  expect({ code, program, good }).toEqual({ code: 1, program: 'aquatic_doctor', good: false })
  const text = examine(root).stdout.replace(/\s+/g, ' ')
  for (const { name, severity, text: sentence } of reports[0].findings) {
    expect(text).toContain(`${severity} ${sentence} [${name}]`)
  }
})

describe('--apply and --revert', () => {
  test('apply writes and sets all that it has shown; then nothing is wrong, and revert leaves no trace', () => {
    const root = hostOf(FAULTY)
    const before = treeOf(root)
    const { code, stdout, stderr } = apply(root, '--yes')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })

    const files = Object.keys(treeOf(root)).filter((path) => !(path in before))
    const written = files.filter((path) => /\.(conf|rules)$/.test(path)).sort()
    expect(written).toEqual([
      'etc/modules-load.d/aquatic-doctor.conf',
      'etc/sysctl.d/99-aquatic-doctor.conf',
      'etc/tmpfiles.d/aquatic-doctor.conf',
      'etc/udev/rules.d/99-aquatic-doctor.rules',
    ])
    for (const path of written) {
      const lines = readFileSync(join(root, path), 'utf8').trimEnd().split('\n')
      expect(stdout).toContain(`/${path}:\n${lines.map((line) => `    ${line}\n`).join('')}`)
    }
    const text = (path: string) => readFileSync(join(root, path), 'utf8')
    expect(text('proc/sys/net/core/rmem_max')).toBe('8388608\n')
    expect(text(SYSCTL)).toContain('\nnet.core.rmem_max = 8388608\n')
    expect(text(SYSCTL)).toContain('\nnet.ipv4.ip_local_port_range = 32768 60999\n')
    expect(text('etc/modules-load.d/aquatic-doctor.conf')).toEndWith('\nnf_conntrack\n')
    expect(text('etc/tmpfiles.d/aquatic-doctor.conf')).toEndWith(
      '\nw /sys/module/nf_conntrack/parameters/hashsize - - - - 262144\n',
    )
    expect(text('etc/udev/rules.d/99-aquatic-doctor.rules')).toEndWith(
      '\nACTION=="add", SUBSYSTEM=="net", KERNEL=="eth0", ATTR{queues/rx-0/rps_cpus}="3"\n',
    )

    expect(revert(root, '--yes')).toMatchObject({ code: 0, stderr: '' })
    expect(treeOf(root)).toEqual(before)
    expect(revert(root, '--yes').stdout).toBe('There is nothing to take back.\n')
  })

  test('what was applied is found to be right, and a second apply has nothing to do', () => {
    // The table stays full, and a budget once too small stays counted, so neither is among the faults.
    const root = hostOf({
      ...GOOD,
      '/proc/sys/net/core/rmem_max': '212992\n',
      '/proc/sys/net/core/somaxconn': '9\n',
    })
    expect(examine(root).code).toBe(1)
    expect(apply(root, '-y').code).toBe(0)
    expect(examine(root).code).toBe(0)
    expect(apply(root, '-y')).toMatchObject({ code: 0, stdout: 'There is nothing to change.\n' })
  })

  test('in an image without /proc there is nothing to judge, which is said', () => {
    const root = hostOf({ '/etc/hostname': 'image\n' })
    const { code, stdout, stderr } = apply(root, '-y')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(`${root} has no kernel settings to judge (proc/sys)`)
  })

  test('without a yes nothing happens', () => {
    const root = hostOf(FAULTY)
    const before = treeOf(root)
    for (const input of ['', 'n\n', 'yet\n', '\n']) {
      const { code, stdout } = doctor(['--root', root, '--seconds', '0', '--apply'], { input })
      expect(code).toBe(1)
      expect(stdout).toEndWith('[y/N] Nothing was changed.\n')
      expect(treeOf(root)).toEqual(before)
    }
    const { code } = doctor(['--root', root, '--seconds', '0', '--apply'], { input: 'y\n' })
    expect(code).toBe(0)
    const applied = treeOf(root)
    expect(doctor(['--root', root, '--revert'], { input: 'n\n' }).code).toBe(1)
    expect(treeOf(root)).toEqual(applied)
  })

  test('a file that it did not write is never overwritten, nor one that was changed since', () => {
    const root = hostOf({ ...FAULTY, [SYSCTL]: 'vm.swappiness = 1\n' })
    const before = treeOf(root)
    const { code, stderr, stdout } = apply(root, '-y')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(`${SYSCTL} is there, and was not written by this program`)
    expect(treeOf(root)).toEqual(before)

    rmSync(join(root, SYSCTL))
    expect(apply(root, '-y').code).toBe(0)
    writeFileSync(join(root, SYSCTL), 'vm.swappiness = 1\n')
    plant(root, { '/proc/sys/net/ipv4/tcp_syncookies': '0\n' })
    const changed = treeOf(root)
    expect(apply(root, '-y').stderr).toContain('has been changed since')
    expect(treeOf(root)).toEqual(changed)
  })

  test('revert leaves what somebody has changed since, says so, and restores the rest', () => {
    const root = hostOf(FAULTY)
    const before = treeOf(root)
    apply(root, '-y')
    plant(root, { '/proc/sys/net/core/somaxconn': '77\n', [SYSCTL]: 'mine = 1\n' })
    const { code, stdout } = revert(root, '-y')
    expect(code).toBe(1)
    expect(stdout).toContain(
      'Left as it is: /proc/sys/net/core/somaxconn, which has been changed to 77.\n',
    )
    expect(stdout).toContain(`Left as it is: ${SYSCTL}, which has been changed.\n`)
    const after = treeOf(root)
    for (const path of [SYSCTL, '/proc/sys/net/core/somaxconn', '/etc/sysctl.d', '/etc']) {
      delete after[path.slice(1)]
      delete before[path.slice(1)]
    }
    expect(after).toEqual(before)
  })

  test('a second apply adds to the files, and revert goes back to before the first', () => {
    const root = hostOf({ ...GOOD, '/proc/sys/net/core/somaxconn': '128\n' })
    const before = treeOf(root)
    apply(root, '-y')
    plant(root, {
      '/proc/sys/net/ipv4/tcp_syncookies': '0\n',
      '/proc/sys/net/core/somaxconn': '256\n',
    })
    expect(apply(root, '-y').code).toBe(0)
    const text = readFileSync(join(root, SYSCTL), 'utf8')
    expect(text).toContain('\nnet.core.somaxconn = 4096\n')
    expect(text).toContain('\nnet.ipv4.tcp_syncookies = 1\n')
    expect(revert(root, '-y').code).toBe(0)
    expect(treeOf(root)).toEqual({ ...before, 'proc/sys/net/ipv4/tcp_syncookies': '100644 0\n' })
  })

  test('an apply that was interrupted can be taken back', () => {
    const root = hostOf({ ...GOOD, '/proc/sys/net/core/somaxconn': '128\n' })
    const before = treeOf(root)
    apply(root, '-y')
    const record = JSON.parse(readFileSync(join(root, RECORD), 'utf8'))
    for (const value of record.values) value.after = null
    writeFileSync(join(root, RECORD), JSON.stringify(record))
    rmSync(join(root, SYSCTL))
    expect(revert(root, '-y').code).toBe(0)
    expect(treeOf(root)).toEqual(before)
  })

  test('what a later file sets otherwise is said', () => {
    const later = '/etc/sysctl.d/99-zz.conf'
    const root = hostOf({
      ...FAULTY,
      [later]: '# mine\n-net/core/somaxconn = 64\nnet.ipv4.ip_local_port_range=32768   60999\n',
      '/etc/sysctl.conf': 'net.core.rmem_max = 1\n',
      '/etc/sysctl.d/10-early.conf': 'net.core.rmem_max = 2\n',
    })
    const { stdout } = apply(root, '-y')
    const notes = stdout.split('\n').filter((line) => line.startsWith('Note: '))
    expect(notes).toEqual([
      `Note: ${later} sets net/core/somaxconn = 64 after it, which wins when the system starts.`,
      'Note: /etc/sysctl.conf sets net.core.rmem_max = 1 after it, which wins when the system starts.',
    ])
  })

  test('a folder that cannot be written to ends it before anything is changed', () => {
    const root = hostOf(FAULTY)
    mkdirSync(join(root, 'var'), { recursive: true })
    writeFileSync(join(root, 'var/lib'), 'a file where a folder has to be\n')
    const before = treeOf(root)
    const { code, stderr } = apply(root, '-y')
    expect(code).toBe(1)
    expect(stderr).toStartWith('aquatic_doctor: ')
    expect(stderr).not.toContain('    at ')
    expect(treeOf(root)).toEqual(before)
  })
})
