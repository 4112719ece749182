// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Balancer} from "../src/Balancer.sol";
import {LogHeads} from "../src/LogHeads.sol";
import {Providers} from "../src/Providers.sol";
import {Base} from "./Base.sol";

/// @dev Does to a pool whatever its anchor may do, in any order.
contract Handler is Base {
    bytes32[] public ids;
    mapping(bytes32 => uint32) public seqs;
    uint64 public newest;

    constructor() {
        deploy(address(0));
    }

    function pool() external view returns (Providers, Balancer, LogHeads) {
        return (providers, balancer, heads);
    }

    function admitOne(uint8 domain) external {
        if (ids.length >= 40) return;
        ids.push(admit(ids.length, bytes32(uint256(1 + domain % 12)), 11));
    }

    function reportOne(uint256 which, uint32 capacity, uint32 used) external {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        report(id, 11, capacity % 1e8, used % 1e8, ++seqs[id]);
    }

    function assessOne(uint256 which, uint32 proven, uint16 score) external {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        if (providers.providerOf(id).provider.retired) return;
        Providers.Assessment[] memory list = new Providers.Assessment[](1);
        list[0] = Providers.Assessment(id, proven, score % 10_001);
        vm.prank(ANCHOR);
        providers.assess(list);
    }

    function retireOne(uint256 which) external {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        if (providers.providerOf(id).provider.retired) return;
        vm.prank(ANCHOR);
        providers.retire(id);
    }

    function anchorOne(uint64 step, bytes32 root) external {
        newest += 1 + step % 1e6;
        vm.prank(ANCHOR);
        heads.anchor(newest, root);
    }

    function count() external view returns (uint256) {
        return ids.length;
    }
}

contract InvariantsTest {
    Handler private handler;
    Providers private providers;
    Balancer private balancer;
    LogHeads private heads;

    function setUp() public {
        handler = new Handler();
        (providers, balancer, heads) = handler.pool();
    }

    function targetContracts() public view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    /// @dev Each node's child is the sum of the node below; the leaves are what the registry says.
    function invariant_sums() public view {
        uint256 total = 0;
        uint256 drawable = 0;
        for (uint256 i = 0; i < handler.count(); i++) {
            Providers.Listed memory listed = providers.providerOf(handler.ids(i));
            total += listed.weight;
            if (listed.weight > 0) drawable++;
            require(!listed.provider.retired || listed.weight == 0, "retired");
            require(
                listed.weight
                    <= (
                        listed.provider.capacity > listed.provider.used
                            ? listed.provider.capacity - listed.provider.used
                            : 0
                    ),
                "no more than is free"
            );
        }
        require(balancer.total() == total && balancer.drawable() == drawable, "total");
        for (uint256 level = 1; level <= balancer.rootLevel(); level++) {
            for (uint256 index = 0; index * 8 ** (level - 1) < balancer.domains(); index++) {
                uint256 word = balancer.node(level, index);
                for (uint256 i = 0; i < 8; i++) {
                    uint256 child = (word >> (32 * i)) & type(uint32).max;
                    require(child == sum(balancer.node(level - 1, index * 8 + i)), "sum");
                }
            }
        }
    }

    /// @dev The spread's bounds are those of the living providers' fill levels.
    function invariant_spread() public view {
        (, , uint256 fullest, uint256 emptiest) = balancer.spread();
        (uint256 most, uint256 least, bool any) = (0, 200, false);
        for (uint256 i = 0; i < handler.count(); i++) {
            Providers.Provider memory p = providers.providerOf(handler.ids(i)).provider;
            if (p.retired || p.capacity == 0) continue;
            uint256 level = p.used >= p.capacity ? 200 : (uint256(p.used) * 200) / p.capacity;
            if (level > most) most = level;
            if (level < least) least = level;
            any = true;
        }
        require(!any || (fullest == most && emptiest == least), "spread");
        require(any || (fullest == 0 && emptiest == 0), "nobody");
    }

    function invariant_headsRise() public view {
        uint64 before = 0;
        for (uint256 i = 0; i < heads.count(); i++) {
            require(heads.headAt(i).size > before, "rise");
            before = heads.headAt(i).size;
        }
        require(before == handler.newest(), "newest");
    }

    function sum(uint256 word) private pure returns (uint256 all) {
        for (uint256 i = 0; i < 8; i++) all += (word >> (32 * i)) & type(uint32).max;
    }
}
