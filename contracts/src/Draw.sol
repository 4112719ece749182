// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title A draw without replacement, weighted, that respects failure domains
/// @notice Systematic sampling: equally spaced points on the line of all weights, in an order that the seed decides. So each
/// slot's chance is exactly proportional to its weight, up to certainty. What is certain, and a domain that would get more than
/// it may, is taken out and the rest drawn anew. Every loop is bounded by the limits below.
library Draw {
    /// @dev Fewer slots have a weight than are wanted.
    error NotEnough(uint256 wanted, uint256 available);
    /// @dev The request exceeds a limit or isn't in order.
    error BadRequest();

    struct Request {
        bytes32 seed;
        uint256 count;
        uint256 maxPerDomain;
        uint32[] skipped;
        uint32[] held;
        uint256 root;
        uint256 domains;
        uint256 drawable;
    }

    /// @dev Slots with their weights; `length` of them are in use.
    struct List {
        uint32[] slots;
        uint256[] weights;
        uint256 length;
    }

    struct Work {
        Request request;
        uint256 perDomain;
        /// Eight nibbles a level: the order in which a node's children are walked.
        uint256[6] order;
        /// Sum of the weights that can be drawn.
        uint256 total;
        List skipped;
        List certain;
        /// By the first slot of the domain, with all of its weight.
        List closed;
        uint256[] closedCounts;
        /// What lies outside of the draw that goes on.
        List outside;
        List hits;
    }

    uint256 private constant MAX_COUNT = 64;
    uint256 private constant MAX_HELD = 64;
    uint256 private constant MAX_SKIPPED = 1024;

    uint8 private constant START = 0;
    uint8 private constant ORDER = 1;
    uint8 private constant DOMAIN_START = 2;
    uint8 private constant SHUFFLE = 3;

    function pick(mapping(uint256 => uint256) storage nodes, Request memory request)
        internal
        view
        returns (uint32[] memory slots, uint256 perDomain)
    {
        Work memory work = prepare(nodes, request);
        perDomain = request.maxPerDomain;
        // Ends: with as many as are wanted and held, no domain is in the way, and enough slots have a weight.
        for (;; perDomain++) {
            work.perDomain = perDomain;
            if (settle(nodes, work)) break;
        }
        slots = new uint32[](request.count);
        uint256 filled = append(slots, 0, work.certain);
        filled = append(slots, filled, work.hits);
        for (uint256 i = 0; i < work.closed.length; i++) {
            filled = drawInside(nodes, work, i, slots, filled);
        }
        shuffle(request.seed, slots);
    }

    function prepare(mapping(uint256 => uint256) storage nodes, Request memory request)
        private
        view
        returns (Work memory work)
    {
        (uint256 count, uint256 held, uint256 skipped) = (request.count, request.held.length, request.skipped.length);
        if (count == 0 || count > MAX_COUNT || request.maxPerDomain == 0 || request.maxPerDomain > MAX_COUNT) {
            revert BadRequest();
        }
        if (held > MAX_HELD || skipped > MAX_SKIPPED) revert BadRequest();
        for (uint256 i = 0; i < held; i++) {
            if (request.held[i] >= request.domains) revert BadRequest();
        }
        work.request = request;
        for (uint256 level = 0; level <= request.root; level++) work.order[level] = orderOf(request.seed, level);
        work.skipped = newList(skipped);
        work.certain = newList(count);
        work.closed = newList(count + held);
        work.closedCounts = new uint256[](count + held);
        work.outside = newList(skipped + 2 * count + held);
        work.hits = newList(count);
        uint256 available = request.drawable;
        uint256 word = nodes[request.root << 32];
        for (uint256 i = 0; i < 8; i++) work.total += (word >> (32 * i)) & type(uint32).max;
        for (uint256 i = 0; i < skipped; i++) {
            uint32 slot = request.skipped[i];
            if (i > 0 && slot <= request.skipped[i - 1]) revert BadRequest();
            uint256 weight = (nodes[slot >> 3] >> (32 * (slot & 7))) & type(uint32).max;
            if (weight == 0) continue;
            push(work.skipped, slot, weight);
            work.total -= weight;
            available--;
        }
        if (available < count) revert NotEnough(count, available);
    }

    /// @dev Finds who is certain, which domains are closed, and the hits among the others; false when the domains can't take
    /// as many as are wanted.
    function settle(mapping(uint256 => uint256) storage nodes, Work memory work) private view returns (bool) {
        work.certain.length = 0;
        work.closed.length = 0;
        for (uint256 i = 0; i < work.request.held.length; i++) {
            uint256 domain = work.request.held[i];
            if (allowance(work, domain) == 0 && !isClosed(work, domain)) close(nodes, work, domain);
        }
        while (true) {
            work.hits.length = 0;
            (uint256 left, uint256 weight) = open(work);
            if (closeFull(nodes, work)) continue;
            if (left == 0) return true;
            if (weight == 0) return false;
            work.outside.length = 0;
            extend(work.outside, work.skipped);
            extend(work.outside, work.certain);
            extend(work.outside, work.closed);
            sample(nodes, work, work.request.root, 0, left, weight, uint256(hash(work.request.seed, START, 0)));
            if (takeCertain(work.hits, work.certain, left, weight)) continue;
            if (!closeOver(nodes, work, left, weight)) return true;
        }
        return false;
    }

    /// @dev Draws what a closed domain may take among its own slots.
    function drawInside(
        mapping(uint256 => uint256) storage nodes,
        Work memory work,
        uint256 which,
        uint32[] memory slots,
        uint256 filled
    ) private view returns (uint256) {
        uint256 domain = work.closed.slots[which] >> 6;
        uint256 start = uint256(hash(work.request.seed, DOMAIN_START, domain));
        List memory certain = work.certain;
        certain.length = 0;
        while (true) {
            work.hits.length = 0;
            uint256 left = work.closedCounts[which] - certain.length;
            if (left == 0) break;
            uint256 weight = work.closed.weights[which];
            for (uint256 i = 0; i < certain.length; i++) weight -= certain.weights[i];
            work.outside.length = 0;
            extend(work.outside, work.skipped);
            extend(work.outside, certain);
            sample(nodes, work, 1, domain, left, weight, start);
            if (!takeCertain(work.hits, certain, left, weight)) break;
        }
        return append(slots, append(slots, filled, certain), work.hits);
    }

    /// @dev `left` equally spaced points below a node.
    function sample(
        mapping(uint256 => uint256) storage nodes,
        Work memory work,
        uint256 level,
        uint256 index,
        uint256 left,
        uint256 weight,
        uint256 start
    ) private view {
        start %= weight;
        for (uint256 i = 0; i < left; i++) {
            (uint32 slot, uint256 found) = find(nodes, work, level, index, (start + i * weight) / left);
            push(work.hits, slot, found);
        }
    }

    /// @dev The slot at a place of the line below a node, and its weight.
    function find(
        mapping(uint256 => uint256) storage nodes,
        Work memory work,
        uint256 level,
        uint256 index,
        uint256 place
    ) private view returns (uint32, uint256) {
        List memory outside = work.outside;
        uint256[8] memory children;
        while (true) {
            uint256 word = nodes[(level << 32) | index];
            for (uint256 i = 0; i < 8; i++) children[i] = (word >> (32 * i)) & type(uint32).max;
            for (uint256 i = 0; i < outside.length; i++) {
                uint256 slot = outside.slots[i];
                if (slot >> (3 * (level + 1)) == index) children[(slot >> (3 * level)) & 7] -= outside.weights[i];
            }
            uint256 order = work.order[level];
            uint256 child = order & 7;
            while (place >= children[child]) {
                place -= children[child];
                order >>= 4;
                child = order & 7;
            }
            index = index * 8 + child;
            if (level == 0) return (uint32(index), children[child]);
            level--;
        }
        return (0, 0);
    }

    /// @dev Moves hits whose chance is 1 or more to `certain`; whether there were any. One that is hit twice is hit in a row.
    function takeCertain(List memory hits, List memory certain, uint256 left, uint256 weight)
        private
        pure
        returns (bool any)
    {
        for (uint256 i = 0; i < hits.length; i++) {
            if (i > 0 && hits.slots[i] == hits.slots[i - 1]) continue;
            if (hits.weights[i] * left < weight) continue;
            push(certain, hits.slots[i], hits.weights[i]);
            any = true;
        }
    }

    /// @dev Closes domains whose certain ones are more than they may take, or as many with others left; whether there were any.
    function closeFull(mapping(uint256 => uint256) storage nodes, Work memory work) private view returns (bool) {
        for (uint256 i = 0; i < work.certain.length; i++) {
            uint256 domain = work.certain.slots[i] >> 6;
            (uint256 certain, uint256 rest) = standing(nodes, work, domain);
            uint256 allowed = allowance(work, domain);
            if (certain < allowed || (certain == allowed && rest == 0)) continue;
            close(nodes, work, domain);
            return true;
        }
        return false;
    }

    /// @dev Closes the domains of the hits that would get more than they may; whether there were any. Nobody outside of
    /// `certain` is certain here, so such a domain has more slots than it may take.
    function closeOver(mapping(uint256 => uint256) storage nodes, Work memory work, uint256 left, uint256 weight)
        private
        view
        returns (bool any)
    {
        for (uint256 i = 0; i < work.hits.length; i++) {
            uint256 domain = work.hits.slots[i] >> 6;
            if (isClosed(work, domain)) continue;
            (uint256 certain, uint256 rest) = standing(nodes, work, domain);
            if (rest * left + certain * weight <= allowance(work, domain) * weight) continue;
            close(nodes, work, domain);
            any = true;
        }
    }

    /// @dev How many of a domain are certain, and the weight of its others.
    function standing(mapping(uint256 => uint256) storage nodes, Work memory work, uint256 domain)
        private
        view
        returns (uint256 certain, uint256 rest)
    {
        rest = domainWeight(nodes, work, domain);
        for (uint256 i = 0; i < work.certain.length; i++) {
            if (work.certain.slots[i] >> 6 != domain) continue;
            certain++;
            rest -= work.certain.weights[i];
        }
    }

    /// @dev From now on the domain takes exactly what it may, drawn among its own.
    function close(mapping(uint256 => uint256) storage nodes, Work memory work, uint256 domain) private view {
        List memory certain = work.certain;
        uint256 kept = 0;
        for (uint256 i = 0; i < certain.length; i++) {
            if (certain.slots[i] >> 6 == domain) continue;
            (certain.slots[kept], certain.weights[kept]) = (certain.slots[i], certain.weights[i]);
            kept++;
        }
        certain.length = kept;
        work.closedCounts[work.closed.length] = allowance(work, domain);
        push(work.closed, uint32(domain << 6), domainWeight(nodes, work, domain));
    }

    /// @dev How many are still to be drawn by weight, and from how much.
    function open(Work memory work) private pure returns (uint256 left, uint256 weight) {
        left = work.request.count - work.certain.length;
        weight = work.total;
        for (uint256 i = 0; i < work.certain.length; i++) weight -= work.certain.weights[i];
        for (uint256 i = 0; i < work.closed.length; i++) {
            left -= work.closedCounts[i];
            weight -= work.closed.weights[i];
        }
    }

    function isClosed(Work memory work, uint256 domain) private pure returns (bool) {
        for (uint256 i = 0; i < work.closed.length; i++) {
            if (work.closed.slots[i] >> 6 == domain) return true;
        }
        return false;
    }

    /// @dev What a domain may still take.
    function allowance(Work memory work, uint256 domain) private pure returns (uint256 allowed) {
        allowed = work.perDomain;
        for (uint256 i = 0; i < work.request.held.length && allowed > 0; i++) {
            if (work.request.held[i] == domain) allowed--;
        }
    }

    function domainWeight(mapping(uint256 => uint256) storage nodes, Work memory work, uint256 domain)
        private
        view
        returns (uint256 weight)
    {
        weight = (nodes[(2 << 32) | (domain >> 3)] >> (32 * (domain & 7))) & type(uint32).max;
        for (uint256 i = 0; i < work.skipped.length; i++) {
            if (work.skipped.slots[i] >> 6 == domain) weight -= work.skipped.weights[i];
        }
    }

    /// @dev A permutation of eight: Fisher-Yates with the bytes of a hash.
    function orderOf(bytes32 seed, uint256 level) private pure returns (uint256 packed) {
        bytes32 random = hash(seed, ORDER, level);
        uint256[8] memory order = [uint256(0), 1, 2, 3, 4, 5, 6, 7];
        for (uint256 i = 7; i > 0; i--) {
            uint256 j = uint8(random[i]) % (i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }
        for (uint256 i = 0; i < 8; i++) packed |= order[i] << (4 * i);
    }

    /// @dev So that which shard a slot holds doesn't depend on its weight.
    function shuffle(bytes32 seed, uint32[] memory slots) private pure {
        bytes32 random;
        for (uint256 drawn = 0; drawn + 1 < slots.length; drawn++) {
            if (drawn % 16 == 0) random = hash(seed, SHUFFLE, drawn / 16);
            uint256 i = slots.length - 1 - drawn;
            uint256 two = (uint256(uint8(random[2 * (drawn % 16)])) << 8) | uint8(random[2 * (drawn % 16) + 1]);
            uint256 j = two % (i + 1);
            (slots[i], slots[j]) = (slots[j], slots[i]);
        }
    }

    function hash(bytes32 seed, uint8 purpose, uint256 index) private pure returns (bytes32) {
        return sha256(abi.encodePacked(seed, purpose, uint32(index)));
    }

    function newList(uint256 capacity) private pure returns (List memory) {
        return List(new uint32[](capacity), new uint256[](capacity), 0);
    }

    function push(List memory list, uint32 slot, uint256 weight) private pure {
        list.slots[list.length] = slot;
        list.weights[list.length] = weight;
        list.length++;
    }

    function extend(List memory list, List memory by) private pure {
        for (uint256 i = 0; i < by.length; i++) push(list, by.slots[i], by.weights[i]);
    }

    function append(uint32[] memory slots, uint256 filled, List memory list) private pure returns (uint256) {
        for (uint256 i = 0; i < list.length; i++) slots[filled++] = list.slots[i];
        return filled;
    }
}
