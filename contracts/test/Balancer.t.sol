// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Balancer} from "../src/Balancer.sol";
import {Draw} from "../src/Draw.sol";
import {Providers} from "../src/Providers.sol";
import {Base} from "./Base.sol";

contract BalancerTest is Base {
    Balancer private tree;

    function setUp() public {
        deploy(address(0));
        tree = new Balancer();
    }

    function testFuzzDrawKeepsItsPromises(bytes32 seed, uint8 count, uint8 cap, uint32[24] calldata weights) public {
        uint256 wanted = 1 + count % 12;
        uint256 perDomain = 1 + cap % 4;
        uint256 drawable = 0;
        for (uint256 d = 0; d < 12; d++) tree.addDomain();
        for (uint32 i = 0; i < 24; i++) {
            uint32 weight = weights[i] % 1000;
            if (weight != 0) drawable++;
            tree.update((i / 2) * 64 + i % 2, weight, 255, 255);
        }
        uint32[] memory none = new uint32[](0);
        if (drawable < wanted) {
            vm.expectRevert(abi.encodeWithSelector(Draw.NotEnough.selector, wanted, drawable));
            tree.pick(seed, wanted, perDomain, none, none);
            return;
        }
        (uint32[] memory slots, uint256 allowed) = tree.pick(seed, wanted, perDomain, none, none);
        check(slots.length == wanted && allowed >= perDomain, "count");
        for (uint256 i = 0; i < slots.length; i++) {
            check(tree.weightOf(slots[i]) > 0, "weight");
            uint256 same = 0;
            for (uint256 j = 0; j < slots.length; j++) {
                if (slots[i] >> 6 == slots[j] >> 6) same++;
                check(i == j || slots[i] != slots[j], "distinct");
            }
            check(same <= allowed, "domain");
        }
        if (allowed > perDomain) check(room(allowed - 1) < wanted, "no wider than it must be");
    }

    /// @dev Slots with a weight, as many as a domain may take.
    function room(uint256 perDomain) private view returns (uint256 sum) {
        for (uint32 d = 0; d < 12; d++) {
            uint256 members = (tree.weightOf(d * 64) > 0 ? 1 : 0) + (tree.weightOf(d * 64 + 1) > 0 ? 1 : 0);
            sum += members < perDomain ? members : perDomain;
        }
    }

    function testRequestsBeyondTheLimits() public {
        tree.addDomain();
        tree.update(0, 5, 255, 255);
        uint32[] memory none = new uint32[](0);
        uint32[] memory two = new uint32[](2);
        two[0] = 3;
        two[1] = 3;
        for (uint256 i = 0; i < 7; i++) {
            vm.expectRevert(Draw.BadRequest.selector);
            if (i == 0) tree.pick(0, 0, 1, none, none);
            if (i == 1) tree.pick(0, 65, 1, none, none);
            if (i == 2) tree.pick(0, 1, 0, none, none);
            if (i == 3) tree.pick(0, 1, 65, none, none);
            if (i == 4) tree.pick(0, 1, 1, two, none);
            if (i == 5) tree.pick(0, 1, 1, none, two);
            if (i == 6) tree.pick(0, 1, 1, new uint32[](1025), none);
        }
    }

    function testSumsDontOverflow() public {
        tree.addDomain();
        tree.update(0, type(uint32).max, 255, 255);
        vm.expectRevert(Balancer.TooHeavy.selector);
        tree.update(1, 1, 255, 255);
        for (uint256 i = 1; i < 8; i++) tree.addDomain();
        tree.update(64, 1, 255, 255);
        vm.expectRevert(Balancer.TooHeavy.selector);
        tree.addDomain();
    }

    function testTheRootGrows() public {
        for (uint32 i = 0; i < 70; i++) {
            check(tree.addDomain() == i, "index");
            tree.update(i * 64 + 63, i + 1, 255, 255);
        }
        check(tree.rootLevel() == 4 && tree.total() == 70 * 71 / 2, "root");
        check(tree.drawable() == 70, "drawable");
    }

    function testRebalancingIsToldOnceAndEnds() public {
        bytes32 needed = Balancer.RebalancingNeeded.selector;
        bytes32 done = Balancer.RebalancingDone.selector;
        bytes32 a = admit(1, bytes32(uint256(1)), 11);
        bytes32 b = admit(2, bytes32(uint256(2)), 12);
        vm.recordLogs();
        report(a, 11, 1000, 100, 1);
        report(b, 12, 1000, 195, 1);
        check(count(vm.getRecordedLogs(), needed) == 0, "9.5 points");
        report(b, 12, 1000, 206, 2);
        check(count(vm.getRecordedLogs(), needed) == 0, "10 points by levels");
        report(b, 12, 1000, 260, 3);
        check(count(vm.getRecordedLogs(), needed) == 1, "16 points");
        report(b, 12, 1000, 300, 4);
        check(count(vm.getRecordedLogs(), needed) == 0, "once");
        report(a, 11, 1000, 240, 2);
        (bool active, uint256 rounds, uint256 fullest, uint256 emptiest) = balancer.spread();
        check(active && rounds == 1 && fullest == 60 && emptiest == 48, "hysteresis");
        vm.getRecordedLogs();
        report(a, 11, 1000, 280, 3);
        check(count(vm.getRecordedLogs(), done) == 1, "done");
        report(a, 11, 1000, 100, 4);
        check(count(vm.getRecordedLogs(), needed) == 1, "second round");
        vm.prank(ANCHOR);
        providers.retire(a);
        check(count(vm.getRecordedLogs(), done) == 1, "the other one is alone");
    }

    function testFuzzWeights(uint32 capacity, uint32 used, uint32 proven, uint16 score) public view {
        score %= 10_001;
        uint32 weight = providers.weightFor(capacity, used, proven, score);
        check(weight <= (capacity > used ? capacity - used : 0), "free");
        check(uint256(weight) <= uint256(proven) + 1_000_000, "proven and the ramp");
        check(score > 0 || weight == 0, "score");
    }

    function testFuzzSmallMovesAreLeftOut(uint32 capacity, uint32 used, uint32 next) public {
        capacity = 1000 + capacity % 1_000_000;
        used %= capacity;
        next %= capacity;
        bytes32 id = admit(1, bytes32(uint256(1)), 11);
        report(id, 11, capacity, used, 1);
        uint32 before = balancer.weightOf(0);
        report(id, 11, capacity, next, 2);
        uint256 by = used > next ? used - next : next - used;
        bool written = by * 50 > capacity || by * 50 > before;
        check(providers.providerOf(id).provider.used == (written ? next : used), "used");
        check(balancer.weightOf(0) == (written ? capacity - next : before), "weight");
    }

    function testADomainHolds64() public {
        for (uint256 i = 0; i < 64; i++) admit(i, bytes32(uint256(1)), 11);
        Providers.Admission memory a = admission(64, bytes32(uint256(1)), 11);
        vm.prank(ANCHOR);
        vm.expectRevert(abi.encodeWithSelector(Providers.DomainFull.selector, bytes32(uint256(1))));
        providers.admit(a, "");
    }
}
