// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Draw} from "./Draw.sol";

/// @title Weights of the providers in a packed tree of sums, the draw over them, and the spread of their fill levels
/// @notice A slot is domain * 64 + place: a failure domain's providers lie beside each other. Each node is one storage word of
/// eight uint32: level 0 holds weights, level 1 the sums of a domain's eights, from level 2 on sums of domains.
contract Balancer {
    /// @dev The sender isn't the registry of providers.
    error NotRegistry();
    /// @dev A sum would exceed 32 bits.
    error TooHeavy();
    error TooManyDomains();

    event WeightChanged(uint32 indexed slot, uint32 previous, uint32 weight);
    /// @notice Fullest and emptiest provider differ by more than START; levels in half points of a hundred.
    event RebalancingNeeded(uint256 indexed round, uint256 fullest, uint256 emptiest);
    /// @notice They differ by less than STOP again.
    event RebalancingDone(uint256 indexed round, uint256 fullest, uint256 emptiest);

    uint32 public constant MAX_DOMAINS = 4096;
    /// @notice Fill levels are counted in half points, 0 to 200; this stands for a provider that counts no more.
    uint8 public constant NO_FILL = 255;
    /// @notice Ten points: more than what weights even out by themselves.
    uint256 public constant START = 20;
    /// @notice Five points: what placements alone keep up.
    uint256 public constant STOP = 10;

    uint256 private constant ACTIVE = 1 << 255;
    uint256 private constant ROUND_SHIFT = 208;
    uint256 private constant LEVELS = (1 << 201) - 1;

    address public immutable registry;

    /// @notice How many failure domains there are.
    uint32 public domains;
    /// @notice Level of the root: 2 for up to 8 domains, 5 for 4,096.
    uint32 public rootLevel = 2;
    /// @notice Providers with a weight.
    uint32 public drawable;

    mapping(uint256 => uint256) private nodes;
    /// @dev Bit l: some provider is at fill level l; bit 255: rebalancing goes on; bits 208 to 254: rounds so far.
    uint256 private spreadWord;
    /// @dev Providers at each level, 16 uint16 a word.
    mapping(uint256 => uint256) private levelCounts;

    constructor() {
        registry = msg.sender;
    }

    modifier onlyRegistry() {
        if (msg.sender != registry) revert NotRegistry();
        _;
    }

    /// @notice Makes room for one more failure domain and gives its index.
    function addDomain() external onlyRegistry returns (uint32 index) {
        index = domains;
        if (index == MAX_DOMAINS) revert TooManyDomains();
        uint32 root = rootLevel;
        if (index == uint32(1) << (3 * (root - 1))) {
            uint256 sum = sumOf(node(root, 0));
            if (sum > type(uint32).max) revert TooHeavy();
            nodes[key(root + 1, 0)] = sum;
            rootLevel = root + 1;
        }
        domains = index + 1;
    }

    /// @notice Sets a slot's weight, and moves it from one fill level to another.
    function update(uint32 slot, uint32 weight, uint8 previousFill, uint8 fill) external onlyRegistry {
        setWeight(slot, weight);
        if (previousFill != fill) moveFill(previousFill, fill);
    }

    function setWeight(uint32 slot, uint32 weight) private {
        uint32 previous = weightOf(slot);
        if (previous == weight) return;
        if (previous == 0) drawable++;
        else if (weight == 0) drawable--;
        for (uint256 level = 0; level <= rootLevel; level++) {
            uint256 place = key(level, slot >> (3 * (level + 1)));
            uint256 word = nodes[place];
            uint256 shift = 32 * ((slot >> (3 * level)) & 7);
            uint256 child = (word >> shift) & type(uint32).max;
            uint256 next = child - previous + weight;
            if (next > type(uint32).max) revert TooHeavy();
            nodes[place] = word ^ ((child ^ next) << shift);
        }
        emit WeightChanged(slot, previous, weight);
    }

    function moveFill(uint8 previous, uint8 fill) private {
        uint256 word = spreadWord;
        if (previous != NO_FILL && addAtLevel(previous, -1) == 0) word &= ~(uint256(1) << previous);
        if (fill != NO_FILL && addAtLevel(fill, 1) == 1) word |= uint256(1) << fill;
        uint256 levels = word & LEVELS;
        (uint256 fullest, uint256 emptiest) = levels == 0 ? (0, 0) : (highest(levels), highest(levels & (~levels + 1)));
        uint256 round = (word & ~ACTIVE) >> ROUND_SHIFT;
        if (word & ACTIVE == 0 && fullest - emptiest > START) {
            word = (word | ACTIVE) + (1 << ROUND_SHIFT);
            emit RebalancingNeeded(round + 1, fullest, emptiest);
        } else if (word & ACTIVE != 0 && fullest - emptiest < STOP) {
            word &= ~ACTIVE;
            emit RebalancingDone(round, fullest, emptiest);
        }
        if (word != spreadWord) spreadWord = word;
    }

    function addAtLevel(uint256 level, int256 by) private returns (uint256 count) {
        uint256 word = levelCounts[level / 16];
        uint256 shift = 16 * (level % 16);
        count = uint256(int256((word >> shift) & type(uint16).max) + by);
        levelCounts[level / 16] = (word & ~(uint256(type(uint16).max) << shift)) | (count << shift);
    }

    /// @notice Draws `count` distinct slots; docs/spec/contracts.md says how, step by step.
    /// @param seed whatever both sides agree on
    /// @param maxPerDomain slots of one failure domain that may be taken where the pool is wide enough
    /// @param skipped slots that can't be drawn now, rising strictly
    /// @param held failure domains of slots that are taken already, one entry each
    /// @return slots the slots, in the order of the shards
    /// @return perDomain what a domain was allowed in the end
    function pick(
        bytes32 seed,
        uint256 count,
        uint256 maxPerDomain,
        uint32[] calldata skipped,
        uint32[] calldata held
    ) external view returns (uint32[] memory slots, uint256 perDomain) {
        return Draw.pick(
            nodes, Draw.Request(seed, count, maxPerDomain, skipped, held, rootLevel, domains, drawable)
        );
    }

    function weightOf(uint32 slot) public view returns (uint32) {
        return uint32(node(0, slot >> 3) >> (32 * (slot & 7)));
    }

    /// @notice Sum of all weights.
    function total() external view returns (uint256) {
        return sumOf(node(rootLevel, 0));
    }

    /// @notice A word of the tree: eight uint32, the first in the lowest bits.
    function node(uint256 level, uint256 index) public view returns (uint256) {
        return nodes[key(level, index)];
    }

    /// @notice Whether rebalancing goes on, how often it began, and the levels in between (half points).
    function spread() external view returns (bool active, uint256 rounds, uint256 fullest, uint256 emptiest) {
        uint256 levels = spreadWord & LEVELS;
        active = spreadWord & ACTIVE != 0;
        rounds = (spreadWord & ~ACTIVE) >> ROUND_SHIFT;
        if (levels != 0) (fullest, emptiest) = (highest(levels), highest(levels & (~levels + 1)));
    }

    function key(uint256 level, uint256 index) private pure returns (uint256) {
        return (level << 32) | index;
    }

    function sumOf(uint256 word) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < 8; i++) sum += (word >> (32 * i)) & type(uint32).max;
    }

    /// @dev Place of the highest bit; x isn't 0.
    function highest(uint256 x) private pure returns (uint256 place) {
        for (uint256 half = 128; half > 0; half /= 2) {
            if (x >> half != 0) {
                x >>= half;
                place += half;
            }
        }
    }
}
