// A tiny run of bench/xdp.ts: tracker and load on their own ends of a cable, by sockets and past the kernel.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { WHY_NO_CARDS } from '../support/xdp.ts'

const PROGRAM = join(import.meta.dir, '../../bench/xdp.ts')
const SIZE = ['--rounds', '1', '--seconds', '1', '--warm-up', '0', '--peers', '1000', '--no-pin']

setDefaultTimeout(180_000)

test.skipIf(WHY_NO_CARDS !== '')(
  `the benchmark of the path past the kernel compares it with sockets${WHY_NO_CARDS}`,
  async () => {
    const flags = ['--trackers', 'sockets,native', ...SIZE]
    const child = Bun.spawn([process.execPath, PROGRAM, ...flags], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ])
    // Four measurements at saturation, four at half of it; nothing else is to be said.
    expect(stderr.trim().split('\n')).toHaveLength(8)
    expect(await child.exited).toBe(0)
    for (const load of ['connects', 'announces']) {
      for (const head of [`\\| ${load} +\\| responses/s`, `\\| ${load}, \\d+k/s`]) {
        expect(stdout).toMatch(
          new RegExp(`${head}.*\n.*\n\\| sockets +\\| \\d.*\n\\| native +\\| \\d.*\n`),
        )
      }
    }
  },
)
