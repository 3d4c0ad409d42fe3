// What a cluster costs and how late it is, with real trackers and a real nats-server.
// Run: bun bench/cluster.ts --help. The parts are in cluster/; each prints what it has measured.
import { parseArgs } from 'node:util'
import { machineList } from '../load/machine.ts'
import { runProgram, wholeNumber } from './support/flags.ts'

const USAGE = `usage: bun bench/cluster.ts [PART] [flags]
  swarms    noting and applying, in the tables alone (default): 20 s
            --peers N (default 20000000), --ipv6
  noting    what noting adds to a whole announce over UDP: 40 s
            --seconds N (default 25), --peers N (default 2000000)
  lag       from an announce at one node until it is known at another, through sockets: 25 s for each rate
            --rates LIST (default 10000,33000,100000), --seconds N (default 10)
  join      a new node takes over the peers of another one while both serve: 80 s
            --peers N (default 10000000), --rate N requests per second to each (default 5000)
  machines  three nodes beside one, and beside three without a cluster, at one load in all: 80 s for each round
            --rate N announces per second in all (default 60000), --seconds N (default 6), --rounds N (default 1)
  rival     two nodes beside two chihayas with Redis: 60 s
            --chihaya FILE (default from the PATH), --rate N announces per second (default 2000), --seconds N (default 8)
All: --smoke (swarms only): tiny`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    peers: { type: 'string' },
    chihaya: { type: 'string' },
    rate: { type: 'string' },
    rounds: { type: 'string', default: '1' },
    rates: { type: 'string', default: '10000,33000,100000' },
    seconds: { type: 'string' },
    ipv6: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

function given(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : wholeNumber(text)
}

const PARTS: Readonly<Record<string, () => Promise<string[]>>> = {
  swarms: async () => {
    await import('./cluster/swarms.ts')
    return []
  },
  noting: async () => {
    const { measureNoting } = await import('./cluster/noting.ts')
    return measureNoting(given(values.seconds, 25), given(values.peers, 2_000_000))
  },
  lag: async () => {
    const { measureLag } = await import('./cluster/lag.ts')
    return measureLag(values.rates.split(',').map(wholeNumber), given(values.seconds, 10))
  },
  join: async () => {
    const { measureJoin } = await import('./cluster/join.ts')
    return measureJoin({ peers: given(values.peers, 10_000_000), rate: given(values.rate, 5000) })
  },
  machines: async () => {
    const { measureMachines } = await import('./cluster/machines.ts')
    const rate = given(values.rate, 60_000)
    return measureMachines(rate, given(values.seconds, 6), wholeNumber(values.rounds))
  },
  rival: async () => {
    const { measureRival } = await import('./cluster/rival.ts')
    const executable = values.chihaya ?? Bun.which('chihaya')
    if (executable === null) throw new Error('chihaya not found: --chihaya names it')
    return measureRival(executable, given(values.rate, 2000), given(values.seconds, 8))
  },
}

async function main(): Promise<void> {
  const [part = 'swarms'] = positionals
  const run = PARTS[part]
  if (values.help || run === undefined) {
    console.log(USAGE)
    process.exitCode = values.help ? 0 : 2
    return
  }
  const lines = await run()
  if (lines.length > 0) console.log([...lines, ...machineList()].join('\n'))
}

await runProgram(main)
