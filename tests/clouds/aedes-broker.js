// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
// Aedes is a library for Node: a cloud writes a program around it, such as this one, with what it wants kept in memory.
// Usage: node aedes-broker.js PORT CERTIFICATE KEY PASSWORD USER...
'use strict'
const { readFileSync } = require('fs')
const { createServer } = require('tls')
const path = require('path')
const library = path.join(process.env.DEVBUS_AEDES, 'node_modules', 'aedes', 'aedes.js')

const [port, certificate, key, password, ...users] = process.argv.slice(2)
// The device, the first user, has its own topics; the application all of them.
const mayUse = (client, topic) => topic.startsWith(client.user === users[0] ? `devices/${client.user}/` : 'devices/')

async function main () {
  const { Aedes } = await import(library)
  const broker = await Aedes.createBroker({
    concurrency: 1000,
    authenticate: (client, user, given, done) => {
      client.user = user
      done(null, users.includes(user) && String(given) === password)
    },
    authorizePublish: (client, packet, done) => done(client && !mayUse(client, packet.topic) ? new Error('forbidden') : null),
    authorizeSubscribe: (client, subscription, done) => done(null, mayUse(client, subscription.topic) ? subscription : null)
  })
  const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, broker.handle)
  server.listen(Number(port), '127.0.0.1')
  process.on('SIGTERM', () => broker.close(() => process.exit(0)))
}

main()
