// kafkajs against one broker: `node kafkajs.js ADDRESSES PATTERN`, in a folder where it is installed.
// Each case prints one line of JSON: {"program": …, "why": null or what was wrong}.

const assert = require('node:assert/strict')
const { createRequire } = require('node:module')
const {
  AclOperationTypes, AclPermissionTypes, AclResourceTypes, CompressionTypes, ConfigResourceTypes,
  Kafka, ResourcePatternTypes, logLevel,
} = createRequire(process.cwd() + '/')('kafkajs')

const PATIENCE_MS = 120_000
const [addresses, pattern] = process.argv.slice(2)
const kafka = new Kafka({ clientId: 'judge', brokers: addresses.split(','), logLevel: logLevel.NOTHING })
const admin = kafka.admin()
let count = 0

async function topic(numPartitions = 1) {
  const name = `kafkajs-${process.pid}-${++count}`
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: name, numPartitions }] })
  return name
}

async function until(condition, what) {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `not in time: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

async function withProducer(options, use) {
  const producer = kafka.producer(options)
  await producer.connect()
  try { return await use(producer) } finally { await producer.disconnect() }
}

async function withConsumer(options, use) {
  const consumer = kafka.consumer({ sessionTimeout: 30_000, ...options })
  await consumer.connect()
  try { return await use(consumer) } finally { await consumer.disconnect() }
}

const values = messages => messages.map(message => message.value.toString())
const numbered = (first, end) =>
  Array.from({ length: end - first }, (_, index) => ({ key: 'k', value: `${first + index}` }))

// Read from the beginning until the wanted number is there; what was read.
async function read(name, wanted, options = {}) {
  const seen = []
  await withConsumer({ groupId: `${name}-${++count}`, ...options }, async consumer => {
    await consumer.subscribe({ topic: name, fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => { seen.push(message) } })
    await until(() => seen.length >= wanted, `${wanted} messages of ${name}, not ${seen.length}`)
  })
  return seen
}

const cases = {
  'produce and consume': async () => {
    const name = await topic()
    const sent = numbered(0, 500).map(one => ({ ...one, headers: { a: 'b' } }))
    await withProducer({}, producer => producer.send({ topic: name, acks: -1, messages: sent }))
    const seen = await read(name, 500)
    assert.deepEqual(values(seen), values(sent))
    assert.equal(seen[0].headers.a.toString(), 'b')
  },

  'produce and consume, gzip': async () => {
    const name = await topic()
    const compression = CompressionTypes.GZIP
    const messages = numbered(0, 500)
    await withProducer({}, producer => producer.send({ topic: name, compression, messages }))
    assert.deepEqual(values(await read(name, 500)), values(messages))
  },

  'idempotent producer': async () => {
    const name = await topic()
    const options = { idempotent: true, maxInFlightRequests: 1 }
    await withProducer(options, async producer => {
      for (let first = 0; first < 100; first += 10)
        await producer.send({ topic: name, messages: numbered(first, first + 10) })
    })
    assert.deepEqual(values(await read(name, 100)), values(numbered(0, 100)))
  },

  'consumer group': async () => {
    const name = await topic(4)
    const groupId = `${name}-group`
    const seen = new Set()
    const take = async ({ message }) => { seen.add(message.value.toString()) }
    const send = (first, end) => withProducer({}, producer => producer.send({
      topic: name, messages: numbered(first, end).map(({ value }) => ({ key: value, value })),
    }))
    await send(0, 200)
    await withConsumer({ groupId }, async first => {
      await first.subscribe({ topic: name, fromBeginning: true })
      await first.run({ eachMessage: take })
      await until(() => seen.size === 200, 'one member reads everything')
      await withConsumer({ groupId }, async second => {
        let assigned = 0
        second.on(second.events.GROUP_JOIN, ({ payload }) => {
          assigned = (payload.memberAssignment[name] || []).length
        })
        await second.subscribe({ topic: name })
        await second.run({ eachMessage: take })
        await until(() => assigned === 2, 'two members share four partitions')
        await send(200, 400)
        await until(() => seen.size === 400, 'two members read everything')
      })
    })
    const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [name] })
    assert.equal(partitions.reduce((sum, { offset }) => sum + Number(offset), 0), 400)
  },

  'seek, pause and resume': async () => {
    const name = await topic()
    await withProducer({}, producer => producer.send({ topic: name, messages: numbered(0, 20) }))
    await withConsumer({ groupId: `${name}-group` }, async consumer => {
      const seen = []
      await consumer.subscribe({ topic: name, fromBeginning: true })
      await consumer.run({ eachMessage: async ({ message }) => {
        seen.push(Number(message.offset))
        if (seen.length === 5) consumer.pause([{ topic: name }])
      } })
      await until(() => consumer.paused().length === 1 && seen.length >= 5, 'it pauses')
      consumer.seek({ topic: name, partition: 0, offset: '15' })
      consumer.resume([{ topic: name }])
      await until(() => seen.at(-1) === 19, 'it reads to the end')
      assert.ok(seen.includes(15))
      assert.deepEqual(seen.slice(-5), [15, 16, 17, 18, 19])
    })
  },

  'transactions': async () => {
    const name = await topic()
    const options = { transactionalId: `${name}-tx`, idempotent: true, maxInFlightRequests: 1 }
    await withProducer(options, async producer => {
      for (const [first, fate] of [[0, 'commit'], [10, 'abort'], [20, 'commit']]) {
        const transaction = await producer.transaction()
        await transaction.send({ topic: name, messages: numbered(first, first + 10) })
        await transaction[fate]()
      }
    })
    const wanted = [...numbered(0, 10), ...numbered(20, 30)]
    assert.deepEqual(values(await read(name, 20)), values(wanted))
    const all = await read(name, 30, { readUncommitted: true })
    assert.deepEqual(values(all), values(numbered(0, 30)))
  },

  'offsets in transactions': async () => {
    const name = await topic()
    const consumerGroupId = `${name}-group`
    const offsets = offset => [{ topic: name, partitions: [{ partition: 0, offset }] }]
    const committed = async () => {
      const [{ partitions }] = await admin.fetchOffsets({ groupId: consumerGroupId, topics: [name] })
      return partitions[0].offset
    }
    const options = { transactionalId: `${name}-tx`, idempotent: true, maxInFlightRequests: 1 }
    await withProducer(options, async producer => {
      for (const [offset, fate] of [['5', 'commit'], ['7', 'abort']]) {
        const transaction = await producer.transaction()
        await transaction.send({ topic: name, messages: numbered(0, 1) })
        await transaction.sendOffsets({ consumerGroupId, topics: offsets(offset) })
        await transaction[fate]()
      }
    })
    await until(async () => (await committed()) === '5', 'what was committed counts')
  },

  'admin: topics': async () => {
    const name = await topic(2)
    assert.ok((await admin.listTopics()).includes(name))
    await admin.createPartitions({ topicPartitions: [{ topic: name, count: 5 }] })
    const { topics: [{ partitions }] } = await admin.fetchTopicMetadata({ topics: [name] })
    assert.equal(partitions.length, 5)
    await withProducer({}, producer => producer.send({ topic: name, messages:
      numbered(0, 10).map(one => ({ ...one, partition: 1 })) }))
    const at = async () => (await admin.fetchTopicOffsets(name)).find(one => one.partition === 1)
    // A node of a cluster may hear of new partitions a moment later; kafkajs does not ask it again.
    await until(async () => {
      try { return await at() } catch (error) {
        assert.equal(error.type, 'NOT_LEADER_FOR_PARTITION')
        return false
      }
    }, 'every node knows the new partitions')
    assert.deepEqual([(await at()).low, (await at()).high], ['0', '10'])
    const [{ offset }] = await admin.fetchTopicOffsetsByTimestamp(name, 0)
    assert.equal(offset, '0')
    await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 1, offset: '4' }] })
    assert.equal((await at()).low, '4')
    await admin.deleteTopics({ topics: [name] })
    await until(async () => !(await admin.listTopics()).includes(name), 'the topic is gone')
  },

  'admin: configs': async () => {
    const name = await topic()
    const resource = { type: ConfigResourceTypes.TOPIC, name }
    const configEntries = [{ name: 'retention.ms', value: '12345' }]
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] })
    const described = await admin.describeConfigs({ resources: [resource] })
    const found = described.resources[0].configEntries.find(one => one.configName === 'retention.ms')
    assert.equal(found.configValue, '12345')
  },

  'admin: groups': async () => {
    const name = await topic()
    const groupId = `${name}-group`
    await withProducer({}, producer => producer.send({ topic: name, messages: numbered(0, 10) }))
    await read(name, 10, { groupId })
    const { groups } = await admin.listGroups()
    assert.ok(groups.some(group => group.groupId === groupId))
    const described = await admin.describeGroups([groupId])
    assert.equal(described.groups[0].state, 'Empty')
    const committed = async () => {
      const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [name] })
      return partitions[0].offset
    }
    assert.equal(await committed(), '10')
    await admin.setOffsets({ groupId, topic: name, partitions: [{ partition: 0, offset: '3' }] })
    assert.equal(await committed(), '3')
    await admin.resetOffsets({ groupId, topic: name, earliest: true })
    assert.deepEqual(values(await read(name, 10, { groupId })), values(numbered(0, 10)))
    await admin.deleteGroups([groupId])
    const left = (await admin.listGroups()).groups
    assert.ok(!left.some(group => group.groupId === groupId))
  },

  'admin: acls': async () => {
    const resource = {
      resourceType: AclResourceTypes.TOPIC, resourceName: `kafkajs-${process.pid}-secret`,
    }
    const entry = {
      principal: 'User:ada', host: '*', operation: AclOperationTypes.READ,
      permissionType: AclPermissionTypes.ALLOW,
    }
    const resourcePatternType = ResourcePatternTypes.LITERAL
    await admin.createAcls({ acl: [{ ...resource, ...entry, resourcePatternType }] })
    const { resources } = await admin.describeAcls({ ...resource, ...entry, resourcePatternType })
    assert.equal(resources[0].acls[0].principal, 'User:ada')
    const filter = { ...resource, ...entry, resourcePatternType }
    const { filterResponses } = await admin.deleteAcls({ filters: [filter] })
    assert.equal(filterResponses[0].matchingAcls.length, 1)
  },

  'admin: cluster': async () => {
    const { brokers, clusterId, controller } = await admin.describeCluster()
    assert.ok(brokers.length >= 1 && clusterId && controller !== null)
  },
}

async function main() {
  await admin.connect()
  for (const [program, tell] of Object.entries(cases)) {
    if (!new RegExp(pattern).test(program)) continue
    let why = null
    try { await tell() } catch (error) { why = `${error.name}: ${error.message}`.replace(/\s+/g, " ") }
    console.log(JSON.stringify({ program, why }))
  }
  await admin.disconnect()
}

main().then(() => process.exit(0), error => { console.error(error); process.exit(1) })
