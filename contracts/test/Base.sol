// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Balancer} from "../src/Balancer.sol";
import {Directory} from "../src/Directory.sol";
import {LogHeads} from "../src/LogHeads.sol";
import {MemberNames} from "../src/MemberNames.sol";
import {Providers} from "../src/Providers.sol";

/// @dev forge's cheat codes, as far as these tests use them.
interface Vm {
    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function expectRevert() external;
    function expectRevert(bytes calldata data) external;
    function expectRevert(bytes4 selector) external;
    function assume(bool condition) external;
    function addr(uint256 key) external returns (address);
    function sign(uint256 key, bytes32 digest) external returns (uint8 v, bytes32 r, bytes32 s);
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function roll(uint256 number) external;
    function chainId(uint256 id) external;

    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }
}

abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    address internal constant ANCHOR = address(0xA11C);
    uint256 internal constant ADMIN_KEY = 0xAD;
    uint256 internal constant ADMITTER_KEY = 0xAE;
    uint256 internal constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    Directory internal directory;
    MemberNames internal names;
    Providers internal providers;
    Balancer internal balancer;
    LogHeads internal heads;

    function deploy(address admitter) internal {
        directory = new Directory(
            Directory.Settings(bytes32(uint256(1)), vm.addr(ADMIN_KEY), ANCHOR, admitter, 1 << 20, 1_000_000)
        );
        names = directory.names();
        providers = directory.providers();
        balancer = directory.balancer();
        heads = directory.heads();
    }

    function digest(bytes32 separator, bytes32 structHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked("\x19\x01", separator, structHash));
    }

    function signature(uint256 key, bytes32 separator, bytes32 structHash) internal returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest(separator, structHash));
        return abi.encodePacked(r, s, v);
    }

    function admission(uint256 i, bytes32 domain, uint256 reporterKey) internal returns (Providers.Admission memory) {
        return Providers.Admission(
            keccak256(abi.encode("provider", i)), keccak256(abi.encode("net", i)), domain, domain, vm.addr(reporterKey)
        );
    }

    function admit(uint256 i, bytes32 domain, uint256 reporterKey) internal returns (bytes32 id) {
        Providers.Admission memory a = admission(i, domain, reporterKey);
        vm.prank(ANCHOR);
        providers.admit(a, "");
        return a.id;
    }

    function signedReport(bytes32 id, uint256 key, uint32 capacity, uint32 used, uint32 seq)
        internal
        returns (Providers.Report memory)
    {
        bytes32 kind = keccak256("Report(bytes32 id,uint32 capacity,uint32 used,uint32 seq)");
        bytes32 structHash = keccak256(abi.encode(kind, id, capacity, used, seq));
        return Providers.Report(id, capacity, used, seq, signature(key, providers.domainSeparator(), structHash));
    }

    function report(bytes32 id, uint256 key, uint32 capacity, uint32 used, uint32 seq) internal {
        Providers.Report[] memory reports = new Providers.Report[](1);
        reports[0] = signedReport(id, key, capacity, used, seq);
        vm.prank(ANCHOR);
        providers.report(reports);
    }

    function claim(uint256 key, string memory name, bytes32 member, address owner) internal returns (bytes memory) {
        bytes32 kind = keccak256("Register(string name,bytes32 member,address owner)");
        return signature(
            key, names.domainSeparator(), keccak256(abi.encode(kind, keccak256(bytes(name)), member, owner))
        );
    }

    function count(Vm.Log[] memory logs, bytes32 topic) internal pure returns (uint256 found) {
        for (uint256 i = 0; i < logs.length; i++) if (logs[i].topics[0] == topic) found++;
    }

    function check(bool holds, string memory what) internal pure {
        require(holds, what);
    }
}
