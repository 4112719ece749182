// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Roles} from "./Roles.sol";

/// @title A contract whose writes come through the pool's anchoring address
abstract contract Anchored {
    /// @dev The sender isn't the anchoring address.
    error NotAnchor();
    /// @dev More entries at once than `limit`.
    error TooMany(uint256 count, uint256 limit);

    /// @notice Entries of one batch: what surely fits into a block.
    uint256 public constant MAX_BATCH = 64;

    Roles public immutable roles;

    constructor(Roles roles_) {
        roles = roles_;
    }

    modifier onlyAnchor() {
        if (msg.sender != roles.anchor()) revert NotAnchor();
        _;
    }

    function checkBatch(uint256 count) internal pure {
        if (count > MAX_BATCH) revert TooMany(count, MAX_BATCH);
    }
}
