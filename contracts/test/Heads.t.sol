// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LogHeads} from "../src/LogHeads.sol";
import {Base} from "./Base.sol";

contract HeadsTest is Base {
    function setUp() public {
        deploy(address(0));
        vm.startPrank(ANCHOR);
    }

    function testFuzzSizesRise(uint64[] calldata sizes) public {
        uint64 newest = 0;
        uint256 count = 0;
        for (uint256 i = 0; i < sizes.length; i++) {
            bytes32 root = keccak256(abi.encode(i));
            if (sizes[i] <= newest) {
                vm.expectRevert(abi.encodeWithSelector(LogHeads.NotLarger.selector, newest, sizes[i]));
                heads.anchor(sizes[i], root);
                continue;
            }
            heads.anchor(sizes[i], root);
            check(heads.headAt(count).root == root && heads.headAt(count).size == sizes[i], "head");
            newest = sizes[i];
            count++;
        }
        check(heads.count() == count, "count");
        vm.expectRevert(abi.encodeWithSelector(LogHeads.NoSuchHead.selector, count));
        heads.headAt(count);
    }

    function testFuzzFoundBySize(uint8[] calldata steps, uint64 size) public {
        uint64 at = 0;
        uint256 expected = 0;
        size %= 5000;
        for (uint256 i = 0; i < steps.length; i++) {
            at += 1 + steps[i] % 40;
            heads.anchor(at, bytes32(i));
            if (at <= size) expected++;
        }
        check(heads.countUpTo(size) == expected, "count up to");
    }

    function testFuzzEpochsRise(bytes32 space, uint64 first, uint64 second) public {
        vm.assume(first > 0);
        LogHeads.SpaceEpoch[] memory epochs = new LogHeads.SpaceEpoch[](1);
        epochs[0] = LogHeads.SpaceEpoch(space, first);
        heads.raiseEpochs(epochs);
        epochs[0].epoch = second;
        if (second <= first) vm.expectRevert(abi.encodeWithSelector(LogHeads.NotNewer.selector, space, first));
        heads.raiseEpochs(epochs);
        check(heads.epochOf(space) == (second > first ? second : first), "epoch");
    }
}
