// Hosts with two network cards each, as network namespaces: one to the clients, and one to the other hosts, of which a test can pull
// the cable. Used by namespaces-scenario.ts, which runs in a namespace of its own, as root of it: that has both switches.
//
//  clients ── public switch ═ card `public` of each host: 10.7.0.x
//             inner switch  ═ card `inner` of each host:  10.8.0.x
import { readlinkSync } from 'node:fs'
import { run } from '../support/two-networks.ts'
import { waitUntil } from '../support/wait.ts'

/** Where the clients are. */
export const CLIENTS = '10.7.0.254'
const SWITCHES = ['public', 'inner'] as const

export class Host {
  readonly name: string
  readonly publicAddress: string
  readonly innerAddress: string
  /** What to run a command by that shall be on this host. */
  readonly prefix: readonly string[]
  private readonly keeper: Bun.Subprocess

  static async open(name: string, number: number): Promise<Host> {
    const keeper = Bun.spawn(['unshare', '--net', '--', 'sleep', '600'])
    const own = readlinkSync('/proc/self/ns/net')
    await waitUntil('the host has a network', () => {
      return readlinkSync(`/proc/${keeper.pid}/ns/net`) !== own
    })
    return new Host(name, number, keeper)
  }

  private constructor(name: string, number: number, keeper: Bun.Subprocess) {
    this.name = name
    this.keeper = keeper
    this.publicAddress = `10.7.0.${number}`
    this.innerAddress = `10.8.0.${number}`
    this.prefix = ['nsenter', '-t', String(keeper.pid), '-n', '--']
    const there = (command: string) => run(`${this.prefix.join(' ')} ${command}`)
    there('ip link set lo up')
    for (const [card, address] of [
      ['public', this.publicAddress],
      ['inner', this.innerAddress],
    ]) {
      const cable = `${card}-${name}`
      run(`ip link add ${cable} type veth peer name ${card} netns ${keeper.pid}`)
      run(`ip link set ${cable} master ${card} up`)
      there(`ip address add ${address}/24 dev ${card}`)
      there(`ip link set ${card} up`)
    }
  }

  /** No other host is reached any more, and nobody is told. */
  pullCable(): void {
    run(`ip link set inner-${this.name} down`)
  }

  plugCable(): void {
    run(`ip link set inner-${this.name} up`)
  }

  close(): void {
    this.keeper.kill('SIGKILL')
  }
}

/** Once, before there are hosts. */
export function makeSwitches(): void {
  for (const name of SWITCHES) {
    // The ports of a switch forward at once.
    run(`ip link add ${name} type bridge forward_delay 0`)
    run(`ip link set ${name} up`)
  }
  run(`ip address add ${CLIENTS}/24 dev public`)
}
