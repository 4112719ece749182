// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Anchored} from "./Anchored.sol";
import {Roles} from "./Roles.sol";

/// @title Heads of the pool's log, and the revocation epochs of its spaces
/// @notice Sizes rise strictly, so that two roots can never stand for one size; epochs rise strictly too.
contract LogHeads is Anchored {
    struct Head {
        bytes32 root;
        uint64 size;
        uint64 time;
        uint64 number;
    }

    struct SpaceEpoch {
        bytes32 space;
        uint64 epoch;
    }

    /// @dev The newest head has `size` entries already.
    error NotLarger(uint64 size, uint64 wanted);
    /// @dev The space is at `epoch` already.
    error NotNewer(bytes32 space, uint64 epoch);
    error NoSuchHead(uint256 index);

    event HeadAnchored(uint256 indexed index, uint64 indexed size, bytes32 root);
    event EpochRaised(bytes32 indexed space, uint64 epoch);

    /// @notice How many heads are anchored.
    uint256 public count;
    mapping(uint256 => Head) private heads;
    /// @notice A space's epoch; 0 when none was raised.
    mapping(bytes32 => uint64) public epochOf;

    constructor(Roles roles_) Anchored(roles_) {}

    function anchor(uint64 size, bytes32 root) external onlyAnchor {
        uint256 index = count;
        uint64 newest = index == 0 ? 0 : heads[index - 1].size;
        if (size <= newest) revert NotLarger(newest, size);
        heads[index] = Head(root, size, uint64(block.timestamp), uint64(block.number));
        count = index + 1;
        emit HeadAnchored(index, size, root);
    }

    function raiseEpochs(SpaceEpoch[] calldata epochs) external onlyAnchor {
        checkBatch(epochs.length);
        for (uint256 i = 0; i < epochs.length; i++) {
            (bytes32 space, uint64 epoch) = (epochs[i].space, epochs[i].epoch);
            if (epoch <= epochOf[space]) revert NotNewer(space, epochOf[space]);
            epochOf[space] = epoch;
            emit EpochRaised(space, epoch);
        }
    }

    function headAt(uint256 index) public view returns (Head memory) {
        if (index >= count) revert NoSuchHead(index);
        return heads[index];
    }

    /// @notice How many heads have at most `size` entries: the newest of them is one less. Halves the range, 64 steps at most.
    function countUpTo(uint64 size) external view returns (uint256) {
        (uint256 low, uint256 high) = (0, count);
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (heads[middle].size <= size) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
