// Run by network-card.test.ts in a network namespace: prints the queues of a card.
import { receiveQueues } from '../../src/os/network-card.ts'

console.log(JSON.stringify(receiveQueues(process.argv[2])))
