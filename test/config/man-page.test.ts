// That man-db and mandoc read the real pages is tested in test/clients/man-pages.test.ts.
import { expect, test } from 'bun:test'
import { commandPage, settingsPage } from '../../src/config/man-page.ts'
import { defineSettings, section } from '../../src/config/schema.ts'
import { integer, string } from '../../src/config/setting.ts'

const program = {
  name: 'demo',
  description: 'demonstration',
  settings: defineSettings({
    schema: {
      workers: integer(1, { min: 1, max: 2 }, 'Threads.'),
      files: section('Where «things» lie.', {
        path: string(
          '',
          {},
          `First.

          .starts with a dot, has a back\\slash.

          $ ls -l`,
        ),
      }),
    },
    retired: {},
    crossCheck: () => [],
  }),
  flags: [{ name: 'json', value: 'FILE', help: ['write it', 'to FILE'] }],
  exitCodes: '3 wrong answers',
}
const page = {
  version: '1.2.3',
  isService: true,
  signals: [{ name: 'SIGTERM', effect: 'Stop.' }],
}

test('the page of the command names flags, exit codes and signals', () => {
  const text = commandPage(program, page)
  expect(text).toContain('.TH DEMO 1 ')
  expect(text).toContain('demo \\- demonstration\n')
  expect(text).toContain('\n\\fB\\-c\\fR, \\fB\\-\\-config\\-file\\fR \\fIPATH\\fR\n')
  expect(text).toContain('\n\\fB\\-\\-json\\fR \\fIFILE\\fR\nwrite it to FILE.\n')
  expect(text).toContain('.B 3\nwrong answers.\n')
  expect(text).toContain('.SH SIGNALS\n.TP\n.B SIGTERM\nStop.\n')
  expect(text).toContain('NOTIFY_SOCKET')
})

test('the page of a program that is not a service mentions neither service manager nor signals', () => {
  const text = commandPage(program, { ...page, isService: false, signals: [] })
  expect(text).not.toContain('NOTIFY_SOCKET')
  expect(text).not.toContain('SIGNALS')
})

test('the page of the settings has each with default, limits and variable', () => {
  const text = settingsPage(program, page)
  expect(text).toContain('.TH DEMO.TOML 5 ')
  expect(text).toContain('\n.TP\n\\fBworkers\\fR = 1\nThreads.\n')
  expect(text).toContain('Allowed: a whole number from 1 to 2. Environment: AQUATIC_WORKERS.\n')
  expect(text).toContain('.SH [files]\n')
})

test('characters special to the formatter are escaped', () => {
  const text = settingsPage(program, page)
  expect(text).toContain('Where \\[u00AB]things\\[u00BB] lie.')
  expect(text).toContain('\n\\&.starts with a dot, has a back\\eslash.\n')
  expect(text).toContain('\n.nf\nls \\-l\n.fi\n')
  expect(text).toContain('\\fBpath\\fR = \\(aq\\(aq\n')
})
