// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Anchored} from "./Anchored.sol";
import {Balancer} from "./Balancer.sol";
import {Roles} from "./Roles.sol";
import {Signatures} from "./Signatures.sol";

/// @title Registry of providers
/// @notice Amounts are in units of `unitBytes`. A provider signs its capacity and use; the pool says what audits have shown;
/// the weight follows from both by `weightFor` and by nothing else.
contract Providers is Anchored, Signatures {
    struct Provider {
        uint32 capacity;
        uint32 used;
        uint32 proven;
        uint32 seq;
        uint32 slot;
        uint16 score;
        bool admitted;
        bool retired;
        address reporter;
        bytes32 endpointKey;
        bytes32 operator;
    }

    struct Admission {
        bytes32 id;
        bytes32 endpointKey;
        bytes32 operator;
        bytes32 domain;
        address reporter;
    }

    struct Report {
        bytes32 id;
        uint32 capacity;
        uint32 used;
        uint32 seq;
        bytes signature;
    }

    struct Assessment {
        bytes32 id;
        uint32 proven;
        uint16 score;
    }

    struct Listed {
        bytes32 id;
        Provider provider;
        uint32 weight;
    }

    error AlreadyAdmitted(bytes32 id);
    error NoSuchProvider(bytes32 id);
    /// @dev The provider was retired.
    error Retired(bytes32 id);
    error DomainFull(bytes32 domain);
    error ScoreTooHigh(uint16 score);
    /// @dev Zero is no id, no domain and no reporter, and a unit isn't zero bytes.
    error Zero();

    event Admitted(bytes32 indexed id, bytes32 indexed operator, bytes32 indexed domain, uint32 slot, bytes32 endpointKey, address reporter);
    event Reported(bytes32 indexed id, uint32 capacity, uint32 used, uint32 seq);
    event Assessed(bytes32 indexed id, uint32 proven, uint16 score);
    event ProviderRetired(bytes32 indexed id);

    /// @notice Providers of one failure domain.
    uint32 public constant MAX_PER_DOMAIN = 64;
    /// @notice The score of a provider that failed no audit.
    uint16 public constant FULL_SCORE = 10_000;

    uint8 private constant NO_FILL = 255;
    bytes32 private constant REPORT_TYPE = keccak256("Report(bytes32 id,uint32 capacity,uint32 used,uint32 seq)");
    bytes32 private constant ADMIT_TYPE =
        keccak256("Admit(bytes32 id,bytes32 endpointKey,bytes32 operator,bytes32 domain,address reporter)");

    Balancer public immutable balancer;
    uint64 public immutable unitBytes;
    uint32 public immutable ramp;

    mapping(bytes32 => Provider) private providers;
    mapping(uint32 => bytes32) public idAt;
    /// @dev Index + 1 of a failure domain.
    mapping(bytes32 => uint32) private domainIndex;
    mapping(uint32 => bytes32) public domainAt;
    /// @notice Slots given out in a failure domain.
    mapping(uint32 => uint32) public membersOf;

    constructor(Roles roles_, uint64 unitBytes_, uint32 ramp_) Anchored(roles_) {
        if (unitBytes_ == 0) revert Zero();
        unitBytes = unitBytes_;
        ramp = ramp_;
        balancer = new Balancer();
    }

    /// @notice Lets a provider in; where the pool has an admitter, with its signature. The weight stays 0 until it reports.
    function admit(Admission calldata admission, bytes calldata signature) external onlyAnchor {
        bytes32 id = admission.id;
        if (id == 0 || admission.domain == 0 || admission.reporter == address(0)) revert Zero();
        if (providers[id].admitted) revert AlreadyAdmitted(id);
        address admitter = roles.admitter();
        if (admitter != address(0)) {
            requireSigned(
                admitter,
                keccak256(
                    abi.encode(
                        ADMIT_TYPE, id, admission.endpointKey, admission.operator, admission.domain, admission.reporter
                    )
                ),
                signature
            );
        }
        uint32 index = domainIndex[admission.domain];
        if (index == 0) {
            index = balancer.addDomain() + 1;
            domainIndex[admission.domain] = index;
            domainAt[index - 1] = admission.domain;
        }
        uint32 place = membersOf[index - 1]++;
        if (place == MAX_PER_DOMAIN) revert DomainFull(admission.domain);
        uint32 slot = (index - 1) * MAX_PER_DOMAIN + place;
        idAt[slot] = id;
        providers[id] = Provider(
            0, 0, 0, 0, slot, FULL_SCORE, true, false, admission.reporter, admission.endpointKey, admission.operator
        );
        emit Admitted(id, admission.operator, admission.domain, slot, admission.endpointKey, admission.reporter);
    }

    /// @notice The provider is drawn no more and can't come back under this id.
    function retire(bytes32 id) external onlyAnchor {
        Provider storage provider = living(id);
        provider.retired = true;
        balancer.update(provider.slot, 0, fillOf(provider.capacity, provider.used), NO_FILL);
        emit ProviderRetired(id);
    }

    /// @notice Takes in what providers signed. Leaves out reports that aren't newer, that come after the provider was retired,
    /// or that move neither weight nor fill by more than 2 %: so a batch can be sent again.
    function report(Report[] calldata reports) external onlyAnchor {
        checkBatch(reports.length);
        for (uint256 i = 0; i < reports.length; i++) {
            Report calldata r = reports[i];
            Provider storage provider = providers[r.id];
            if (!provider.admitted) revert NoSuchProvider(r.id);
            if (provider.retired || r.seq <= provider.seq) continue;
            requireSigned(
                provider.reporter,
                keccak256(abi.encode(REPORT_TYPE, r.id, r.capacity, r.used, r.seq)),
                r.signature
            );
            (uint32 capacity, uint32 used) = (provider.capacity, provider.used);
            uint32 weight = balancer.weightOf(provider.slot);
            uint32 next = weightFor(r.capacity, r.used, provider.proven, provider.score);
            bool still = !moved(weight, next, weight) && capacity == r.capacity && !moved(used, r.used, capacity);
            if (still) continue;
            (provider.capacity, provider.used, provider.seq) = (r.capacity, r.used, r.seq);
            balancer.update(provider.slot, next, fillOf(capacity, used), fillOf(r.capacity, r.used));
            emit Reported(r.id, r.capacity, r.used, r.seq);
        }
    }

    /// @notice What audits have shown of providers: units proven, and a score from 0 to FULL_SCORE. Leaves out what moves no
    /// weight by more than 2 %.
    function assess(Assessment[] calldata assessments) external onlyAnchor {
        checkBatch(assessments.length);
        for (uint256 i = 0; i < assessments.length; i++) {
            Assessment calldata a = assessments[i];
            if (a.score > FULL_SCORE) revert ScoreTooHigh(a.score);
            Provider storage provider = living(a.id);
            uint32 weight = balancer.weightOf(provider.slot);
            uint32 next = weightFor(provider.capacity, provider.used, a.proven, a.score);
            if (!moved(weight, next, weight)) continue;
            (provider.proven, provider.score) = (a.proven, a.score);
            balancer.update(provider.slot, next, NO_FILL, NO_FILL);
            emit Assessed(a.id, a.proven, a.score);
        }
    }

    /// @notice Free units, at most what is proven and the ramp, less what failed audits take.
    function weightFor(uint32 capacity, uint32 used, uint32 proven, uint16 score) public view returns (uint32) {
        uint256 free = capacity > used ? capacity - used : 0;
        uint256 trusted = uint256(ramp) + proven;
        if (free > trusted) free = trusted;
        return uint32((free * score) / FULL_SCORE);
    }

    function providerOf(bytes32 id) external view returns (Listed memory) {
        Provider storage provider = providers[id];
        if (!provider.admitted) revert NoSuchProvider(id);
        return Listed(id, provider, balancer.weightOf(provider.slot));
    }

    /// @notice The providers of a failure domain in the order of their slots, at most 64.
    function providersIn(uint32 domain) external view returns (bytes32 domainId, Listed[] memory listed) {
        domainId = domainAt[domain];
        listed = new Listed[](membersOf[domain]);
        for (uint32 i = 0; i < listed.length; i++) {
            uint32 slot = domain * MAX_PER_DOMAIN + i;
            listed[i] = Listed(idAt[slot], providers[idAt[slot]], balancer.weightOf(slot));
        }
    }

    /// @dev More than 2 % of `whole`.
    function moved(uint32 from, uint32 to, uint32 whole) private pure returns (bool) {
        uint256 by = from > to ? from - to : to - from;
        return by * 50 > whole;
    }

    /// @dev Half points of a hundred, or NO_FILL without capacity.
    function fillOf(uint32 capacity, uint32 used) private pure returns (uint8) {
        if (capacity == 0) return NO_FILL;
        return used >= capacity ? 200 : uint8((uint256(used) * 200) / capacity);
    }

    function living(bytes32 id) private view returns (Provider storage provider) {
        provider = providers[id];
        if (!provider.admitted) revert NoSuchProvider(id);
        if (provider.retired) revert Retired(id);
    }
}
